"""Check a handoff against its contract: its input, result, tools, limits and stop conditions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Any, get_args, get_origin, is_typeddict

import typing_extensions
from pydantic import BaseModel, ValidationError

from quintet.errors import ContractBroken, CriterionFailed, DesignError
from quintet.state.action import Action
from quintet.state.budget import Budget
from quintet.state.own import own
from quintet.state.record import adapter, faults, validated
from quintet.state.verdict import Criterion, When, check_answers, name_of, why, why_not
from quintet.state.way import way_in


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The terms of a handoff to an agent, enforced at run time.

    Types are strict: "12" is not read as a number. Dates, decimals and the like are read from the
    text that JSON has for them.

    Args:
        goal: the goal that the agent is to achieve.
        needs: the context that the agent gets; it gets nothing else. A TypedDict (of
            `typing_extensions`), dataclass or pydantic model, or a tuple of state keys.
        gives: the type of the result, or None for any plain data but None.
        tools: the functions, LangChain tools and effects that the agent may call.
        success: criteria on the result, all of which must hold. Each is a function of the result;
            of request and result; or of request, result and the actions done or proposed meanwhile.
        budget: the limits of one handoff.
        escalate: conditions under which a person must take over: functions as in `success`.
        questions: how many times in a row the agent may ask the customer a question in place of a
            result; 0 where it may not.

    Raises:
        DesignError: an empty goal, a `needs` or `gives` that cannot be checked, a part of the wrong
            kind, an async criterion, or two tools of one name.
    """

    goal: str
    needs: Any
    gives: Any = None
    tools: tuple[Any, ...] = ()
    success: tuple[Criterion[...], ...] = ()
    budget: Budget = Budget()
    escalate: tuple[When[...], ...] = ()
    questions: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.goal, str) or not self.goal.strip():
            raise DesignError(f"Contract(goal={self.goal!r}): say what the agent is to achieve")
        needs = (self.needs,) if isinstance(self.needs, str) else self.needs
        # A class may count as a Collection: an Enum has a length and is iterable.
        if isinstance(needs, Collection) and not isinstance(needs, type | Mapping):
            object.__setattr__(self, "needs", tuple(needs))
            if "" in self.needs:
                raise DesignError(f"contract {self.goal!r}: needs={self.needs!r}: '' is no key")
        else:
            _checkable(self.goal, "needs", needs)
        if self.gives is not None:
            _checkable(self.goal, "gives", self.gives)
        if not isinstance(self.budget, Budget):
            raise DesignError(f"contract {self.goal!r}: budget={self.budget!r:.60}: give a Budget")
        count = self.questions
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise DesignError(
                f"contract {self.goal!r}: questions={count!r:.60}: give a whole number, 0 for none"
            )
        for name in ("tools", "success", "escalate"):
            object.__setattr__(self, name, _callables(self.goal, name, getattr(self, name)))
        check_answers(f"contract {self.goal!r}", *self.success, *self.escalate)
        names = [tool_name(tool) for tool in self.tools]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise DesignError(f"contract {self.goal!r}: two tools are named {repeated[0]!r}")

    @property
    def required(self) -> tuple[str, ...]:
        """Give the keys without which the handoff is refused."""
        return self.needs if isinstance(self.needs, tuple) else _fields(self.needs)[0]

    @property
    def optional(self) -> tuple[str, ...]:
        """Give the keys that reach the agent where they are present."""
        return () if isinstance(self.needs, tuple) else _fields(self.needs)[1]

    @property
    def given(self) -> tuple[str, ...]:
        """Give the keys that a result must have; empty where its type names none."""
        return () if self.gives is None else _fields(self.gives)[0]

    @property
    def allowed(self) -> tuple[str, ...]:
        """Give the names of the tools that may be called."""
        return tuple(tool_name(tool) for tool in self.tools)

    def request(self, context: Mapping[str, Any]) -> Any:
        """Take the keys that the contract needs out of the context.

        Returns:
            A dict for keys and TypedDicts, an instance for dataclasses and models.

        Raises:
            ContractBroken: something required is missing or has the wrong type.
        """
        untyped = isinstance(self.needs, tuple)
        # Keys without a type cannot say that None is meant, so None counts as missing there.
        missing = [
            key for key in self.required if key not in context or (untyped and context[key] is None)
        ]
        if missing:
            raise ContractBroken(
                f"contract {self.goal!r} needs {', '.join(missing)}, which the context lacks "
                f"(it has {', '.join(sorted(context)) or 'nothing'}); "
                "put it into the state before this handoff",
                side="needs",
            )
        names = (*self.required, *self.optional)
        # A copy: an agent that works on its request in place changes neither state nor results.
        request = {key: own(context[key]) for key in names if key in context}
        if untyped:
            return request
        try:
            return validated(self.needs, request)
        except ValidationError as problem:
            raise ContractBroken(
                f"contract {self.goal!r} needs {self.needs.__name__}: {faults(problem)}",
                side="needs",
            ) from problem

    def result(self, value: Any) -> Any:
        """Read the agent's answer as the type `gives`.

        Raises:
            ContractBroken: it has another shape, is None where `gives` does not allow it, or holds
                what would lead on and is no result, such as a `Command`.
        """
        if (way := way_in(value)) is not None:
            within = "" if way is value else f" within a {type(value).__name__}"
            raise ContractBroken(
                f"contract {self.goal!r}: the agent returned {way!r:.80}{within}, which nobody "
                "would follow; return a result, or a Handoff or Question alone where one is allowed"
            )
        if self.gives is None:
            if value is None:
                raise ContractBroken(
                    f"contract {self.goal!r}: the agent returned None, which is no answer; does "
                    "its function forget to return?"
                )
            return value
        if isinstance(value, BaseModel) and not _accepts(self.gives, value):
            value = value.model_dump(
                warnings=False
            )  # such as a `response_format` beside a TypedDict
        self._refuse_misspelt(value)
        try:
            return validated(self.gives, value)
        except ValidationError as problem:
            name = getattr(self.gives, "__name__", str(self.gives))
            raise ContractBroken(
                f"contract {self.goal!r} gives {name}, the agent returned "
                f"{value!r:.80}: {faults(problem)}"
            ) from problem

    def _refuse_misspelt(self, value: Any) -> None:
        """Refuse an answer of which nothing would be left, or an optional key by another spelling.

        Other keys that the type lacks are dropped, and put on record: see `left_out`.
        """
        if isinstance(self.gives, type) and issubclass(self.gives, BaseModel):
            return  # its aliases and validators may read other keys
        lost, (required, optional) = self.left_out(value), _fields(self.gives)
        missing = [key for key in optional if key not in value] if lost else []
        for key in lost:
            if meant := get_close_matches(key, missing, n=1):
                raise ContractBroken(
                    f"contract {self.goal!r}: the agent's answer has {key!r}, which the contract "
                    f"does not give, and lacks {meant[0]!r}; give it under that name"
                )
        if lost and not required and len(missing) == len(optional):
            raise ContractBroken(
                f"contract {self.goal!r}: the agent's answer has {', '.join(lost)}, and none of "
                f"{', '.join(optional)}, which the contract gives: nothing of it would be left"
            )

    def left_out(self, value: Any) -> tuple[str, ...]:
        """Name the keys of an agent's answer that are dropped because `gives` lacks them."""
        if self.gives is None or not isinstance(value, Mapping):
            return ()
        known = {key for keys in _fields(self.gives) for key in keys}
        return tuple(str(key) for key in value if known and key not in known)

    def unmet(self, request: Any, result: Any, actions: tuple[Action, ...] = ()) -> list[str]:
        """Name the success criteria that do not hold, each with its reason.

        Raises:
            CriterionFailed: a criterion could not judge.
        """
        judged = self._judge(self.success, self._arities[0], (result, request, actions), why_not)
        return [f"{name}: {reason}" for name, reason in judged if reason is not None]

    def escalation(self, request: Any, result: Any, actions: tuple[Action, ...] = ()) -> str | None:
        """Give the reason of the first escalation condition that is met, or None.

        A condition that cannot judge counts as met.
        """
        judged = self._judge(self.escalate, self._arities[1], (result, request, actions), why)
        try:
            return next((reason for _, reason in judged if reason is not None), None)
        except CriterionFailed as problem:
            return str(problem)

    def _judge(
        self,
        functions: tuple[Criterion[...], ...],
        arities: tuple[int, ...],
        evidence: tuple[Any, Any, Any],
        read: Callable[[Any, Any], str | None],
    ) -> Iterator[tuple[str, str | None]]:
        """Call criteria or conditions one by one; yield each one's name and reason."""
        for function, arity in zip(functions, arities, strict=True):
            try:
                reason = read(_call(function, arity, evidence), function)
            except DesignError:  # a mistake in the criterion, which its author must see
                raise
            except Exception as problem:
                raise CriterionFailed(
                    f"contract {self.goal!r}: {name_of(function)} could not judge the result: "
                    f"{type(problem).__name__}: {problem}"
                ) from problem
            yield name_of(function), reason

    @cached_property
    def _arities(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Count the arguments of each criterion and each condition."""
        return tuple(map(_arity, self.success)), tuple(map(_arity, self.escalate))


def _callables(goal: str, name: str, value: Any) -> tuple[Any, ...]:
    """Give a contract's tools, criteria or conditions as a tuple, also where there is only one."""
    items = tuple(value) if isinstance(value, list | tuple) else (value,)
    for item in items:
        if not callable(item) and not hasattr(item, "invoke"):
            raise DesignError(
                f"contract {goal!r}: {name} holds {item!r:.60}, which is no function; give "
                "functions" + (", LangChain tools or effects" if name == "tools" else "")
            )
        if name == "tools" and isinstance(item, type):
            raise DesignError(
                f"contract {goal!r}: tools holds the class {item.__name__}, and a call of it would "
                f"only make an object; give an object of it, such as {item.__name__}()"
            )
    return items


def _accepts(kind: Any, value: BaseModel) -> bool:
    """Say whether a model's instance is already one of the type that the contract gives."""
    # A TypedDict is a class, but `isinstance` with it raises.
    typed = typing_extensions.is_typeddict(kind)
    return isinstance(kind, type) and not typed and isinstance(value, kind)


def _call(criterion: Criterion[...], arity: int, evidence: tuple[Any, Any, Any]) -> Any:
    result, request, *actions = own(evidence[: max(arity, 2)])
    return criterion(result) if arity == 1 else criterion(request, result, *actions)


def tool_name(tool: Any) -> str:
    """Give the name under which a tool is called: its `name`, or its `__name__`."""
    name = getattr(tool, "name", None) or getattr(tool, "__name__", None)
    if not isinstance(name, str):
        raise DesignError(f"{tool!r} has no name; give a function, a LangChain tool or an effect")
    return name


def _arity(criterion: Criterion[...]) -> int:
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(criterion).parameters.values()
    except ValueError:  # a builtin such as bool
        return 1
    # Parameters with a default are the criterion's own settings, not evidence.
    needed = sum(p.kind in positional and p.default is p.empty for p in parameters)
    return min(max(needed, 1), 3)


def _checkable(goal: str, side: str, kind: Any) -> None:
    """Refuse a type that cannot be checked at run time, before the first run."""
    try:
        if isinstance(kind, str):  # pydantic takes a name, and fails on it in the run
            raise TypeError("a text is no type")
        adapter(kind)
    except Exception as problem:  # what is no type at all raises whatever typing makes of it
        remedy = (
            "import TypedDict from typing_extensions (typing's cannot be checked here)"
            if is_typeddict(kind)
            else "give a TypedDict, dataclass or pydantic model"
            + (", or a tuple of state keys" if side == "needs" else "")
        )
        raise DesignError(f"contract {goal!r}: {side}={kind!r} cannot be checked; {remedy}") from (
            problem
        )
    if side == "needs" and _fields(kind) == ((), ()):
        raise DesignError(
            f"contract {goal!r}: needs={kind!r} names no keys; "
            "give a TypedDict, dataclass, pydantic model or a tuple of state keys"
        )


@cache
def _fields(kind: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the required and the optional keys of a type, in order."""
    if typing_extensions.is_typeddict(kind):
        names = _typeddict_keys(kind)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        names = {name: field.is_required() for name, field in kind.model_fields.items()}
    elif is_dataclass(kind):
        names = {
            field.name: field.default is MISSING and field.default_factory is MISSING
            for field in fields(kind)
        }
    else:
        names = {}
    required = tuple(name for name, needed in names.items() if needed)
    return required, tuple(name for name, needed in names.items() if not needed)


def _typeddict_keys(kind: Any) -> dict[str, bool]:
    """Give a TypedDict's keys, and for each whether it is required."""
    # Under `from __future__ import annotations` a hint is text when the class is made, so
    # `__required_keys__` knows nothing of a `NotRequired` in it: the evaluated hints do.
    try:
        hints = typing_extensions.get_type_hints(kind, include_extras=True)
    except NameError:  # a type that is local to a function
        hints = {}
    names = dict.fromkeys(kind.__annotations__) | dict.fromkeys(
        sorted(kind.__required_keys__ | kind.__optional_keys__)
    )
    return {name: _required(hints.get(name), name in kind.__required_keys__) for name in names}


def _required(hint: Any, default: bool) -> bool:
    origin = get_origin(hint)
    if origin is typing_extensions.NotRequired:
        return False
    if origin is typing_extensions.Required:
        return True
    if origin is typing_extensions.Annotated:
        return _required(get_args(hint)[0], default)
    return default
