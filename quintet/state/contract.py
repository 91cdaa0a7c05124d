"""The contract of a handoff: what goes in, what comes out, what is allowed, when to stop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache, cached_property
from typing import Any, get_args, get_origin, is_typeddict

import typing_extensions
from pydantic import BaseModel, PydanticUserError, ValidationError

from quintet.state.action import Action
from quintet.state.budget import Budget
from quintet.state.errors import ContractBroken, DesignError
from quintet.state.record import adapter, faults

Check = Callable[..., bool | str | None]
"""A criterion: a function of the result; or of the request and the result; or of these and the
actions that the agent has done or proposed meanwhile. It returns True where it holds, and False or
a sentence that says what is wrong where it does not."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What an agent is asked for, enforced at run time.

    Args:
        goal: what the agent is to achieve.
        needs: the context that reaches the agent, and nothing else: a TypedDict (of
            `typing_extensions`), dataclass or pydantic model, or a tuple of state keys.
        gives: the type of the result, or None for any plain data.
        tools: what the agent may call: functions, LangChain tools, effects.
        success: criteria on the result; all must hold.
        stop: the budget of one handoff.
        escalate: conditions on the result under which a person must take over; same form as
            `success`, but a sentence or True means "escalate".

    Raises:
        DesignError: an empty goal, a `needs` or `gives` that cannot be checked, an async
            criterion, or two tools of one name.
    """

    goal: str
    needs: Any
    gives: Any = None
    tools: tuple[Any, ...] = ()
    success: tuple[Check, ...] = ()
    stop: Budget = Budget()
    escalate: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        if not self.goal.strip():
            raise DesignError("Contract(goal=''): say what the agent is to achieve")
        needs = (self.needs,) if isinstance(self.needs, str) else self.needs
        if isinstance(needs, Collection) and not isinstance(needs, type):
            object.__setattr__(self, "needs", tuple(needs))
        else:
            _checkable(self.goal, "needs", needs)
        if self.gives is not None:
            _checkable(self.goal, "gives", self.gives)
        for check in (*self.success, *self.escalate):
            if inspect.iscoroutinefunction(check):
                raise DesignError(
                    f"contract {self.goal!r}: {_named(check)} is async; a criterion is a plain "
                    "function, so do what waits in the agent"
                )
        names = [tool_name(tool) for tool in self.tools]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise DesignError(f"contract {self.goal!r}: two tools are named {repeated[0]!r}")

    @property
    def required(self) -> tuple[str, ...]:
        """The keys without which the handoff is refused."""
        return self.needs if isinstance(self.needs, tuple) else _fields(self.needs)[0]

    @property
    def optional(self) -> tuple[str, ...]:
        """The keys that reach the agent where they are present."""
        return () if isinstance(self.needs, tuple) else _fields(self.needs)[1]

    @property
    def allowed(self) -> tuple[str, ...]:
        """The names of the tools that may be called."""
        return tuple(tool_name(tool) for tool in self.tools)

    def request(self, context: Mapping[str, Any]) -> Any:
        """Take what the contract names out of the context.

        Returns:
            A dict for keys and TypedDicts, an instance for dataclasses and models.

        Raises:
            ContractBroken: something required is missing or has the wrong type.
        """
        keys = isinstance(self.needs, tuple)
        missing = [
            key for key in self.required if key not in context or (keys and context[key] is None)
        ]
        if missing:
            raise ContractBroken(
                f"contract {self.goal!r} needs {', '.join(missing)}, which the context lacks "
                f"(it has {', '.join(sorted(context)) or 'nothing'}); "
                "put it into the state before this handoff",
                side="needs",
            )
        named = {key: context[key] for key in (*self.required, *self.optional) if key in context}
        if keys:
            return named
        try:
            return adapter(self.needs).validate_python(named)
        except ValidationError as problem:
            raise ContractBroken(
                f"contract {self.goal!r} needs {self.needs.__name__}: {faults(problem)}",
                side="needs",
            ) from problem

    def result(self, value: Any) -> Any:
        """Check the shape of what the agent returned, and read it as `gives`.

        Raises:
            ContractBroken: it has another shape.
        """
        if self.gives is None:
            return value
        try:
            return adapter(self.gives).validate_python(value)
        except ValidationError as problem:
            name = getattr(self.gives, "__name__", str(self.gives))
            raise ContractBroken(
                f"contract {self.goal!r} gives {name}, the agent returned "
                f"{value!r:.80}: {faults(problem)}"
            ) from problem

    def unmet(self, request: Any, result: Any, actions: tuple[Action, ...] = ()) -> list[str]:
        """The success criteria that do not hold, each with what it says."""
        evidence = (result, request, actions)
        met = zip(self.success, self._takes[0], strict=True)
        said = [(check, _judged(_ask(check, takes, evidence))) for check, takes in met]
        return [f"{_named(check)}: {why}" for check, why in said if why is not None]

    def escalation(self, request: Any, result: Any, actions: tuple[Action, ...] = ()) -> str | None:
        """The first escalation condition that is met, or None."""
        evidence = (result, request, actions)
        for check, takes in zip(self.escalate, self._takes[1], strict=True):
            said = _ask(check, takes, evidence)
            if said:
                return said if isinstance(said, str) else f"{_named(check)} holds"
        return None

    @cached_property
    def _takes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """For each criterion, how much of the evidence it is asked about."""
        return tuple(map(_takes, self.success)), tuple(map(_takes, self.escalate))


def _ask(check: Check, takes: int, evidence: tuple[Any, Any, Any]) -> bool | str | None:
    result, request, actions = evidence
    if takes == 1:
        return check(result)
    return check(request, result) if takes == 2 else check(request, result, actions)


def _judged(said: bool | str | None) -> str | None:
    if said is True or said is None:
        return None
    return said if isinstance(said, str) and said else "does not hold"


def tool_name(tool: Any) -> str:
    """The name under which a tool is called: its `name`, or its `__name__`."""
    name = getattr(tool, "name", None) or getattr(tool, "__name__", None)
    if not isinstance(name, str):
        raise DesignError(f"{tool!r} has no name; give a function, a LangChain tool or an effect")
    return name


def _named(check: Any) -> str:
    return getattr(check, "__name__", None) or type(check).__name__


def _takes(check: Check) -> int:
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(check).parameters.values()
    except ValueError:  # a builtin such as bool
        return 1
    needed = sum(p.kind in positional and p.default is p.empty for p in parameters)
    return min(max(needed, 1), 3)


def _checkable(goal: str, side: str, kind: Any) -> None:
    """Refuse a type that cannot be checked at run time, before the first run."""
    try:
        adapter(kind)
    except PydanticUserError as problem:
        remedy = (
            "import TypedDict from typing_extensions (typing's cannot be checked here)"
            if is_typeddict(kind)
            else "give a TypedDict, dataclass or pydantic model"
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
    """The required and the optional keys of a type, in order."""
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
    """A TypedDict's keys and whether they are required.

    Under `from __future__ import annotations` the class itself does not see its `NotRequired`.
    """
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
