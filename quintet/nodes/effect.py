"""A side effect that happens once: claimed before, settled after, undone where it must be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from langchain_core.tools import StructuredTool

from quintet.nodes.arguments import in_own_types
from quintet.nodes.dispatch import Dispatch, current
from quintet.nodes.node import ASYNC, Call, NotCalled, Steps, adrive, drive, is_async, name_of
from quintet.state.action import Action
from quintet.state.errors import ActionRefused, DesignError, EffectRepeated, EffectUnknown
from quintet.state.ledger import Claim, Ledger, MemoryLedger
from quintet.state.record import plain

LEDGER: Ledger = MemoryLedger()
"""Where effects under way are claimed, against parallel branches and retries. What an earlier
superstep of the thread has done stands in its state."""


UNDER_WAY = "it was under way when its step ended"

Rule = Callable[[Action], bool | str | None]
"""A rule over an action: True or None where it may happen, else False or a sentence why not."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A function with a side effect, its key, and its undo.

    Inside a `Worker` or `Act` it is called as the function itself. It then runs once for its key in
    a thread, and an effect that a gate wants a person for is proposed instead of run. It may
    be given to LangChain agents `as_tool()`.

    Attributes:
        function: what has the side effect; it may be async.
        key: a format string over the arguments, or a function of them, that names the effect.
        undo: takes what the function returned, and takes it back.
        harmless: exception types after which the effect is known not to have happened.
        allow: a rule over the action, checked when it is proposed and again where it happens.
    """

    function: Callable[..., Any]
    key: str | Callable[..., str]
    undo: Callable[[Any], Any] | None = None
    harmless: tuple[type[BaseException], ...] = ()
    allow: Rule | None = None

    def __post_init__(self) -> None:
        if not isinstance(getattr(self.function, "__name__", None), str):
            raise DesignError(f"effect: {self.function!r} has no name; give a def function")
        parameters = inspect.signature(self.function).parameters
        for each in parameters.values():
            if each.kind not in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY):
                raise DesignError(
                    f"effect {self.name!r}: {each} cannot be put on record by name; "
                    "give each argument a name of its own"
                )
        if isinstance(self.key, str):
            self._check_key(self.key, set(parameters))

    def _check_key(self, key: str, names: set[str]) -> None:
        try:
            key.format_map(_Names(names))
        except KeyError as unknown:
            raise DesignError(
                f"effect {self.name!r}: key {key!r} names {unknown.args[0]!r}, which is not "
                f"an argument ({', '.join(sorted(names))})"
            ) from None
        except (ValueError, IndexError) as problem:
            raise DesignError(
                f"effect {self.name!r}: key {key!r} is no format string over the arguments' "
                f"names: {problem}"
            ) from None

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def __name__(self) -> str:
        return self.function.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run or propose the effect from inside a worker; awaitable if the function is async.

        Returns:
            What the function returned, or `{"status": "proposed", ...}` where a person must decide.

        Raises:
            DesignError: called outside a worker.
            ToolRefused: the worker's contract does not list it.
            ActionRefused: its own rule does not allow it.
            EffectRepeated: this thread has done it already.
            EffectUnknown: it was begun before, and its end is not known.
        """
        dispatch = current.get()
        if dispatch is None:
            raise DesignError(
                f"effect {self.name!r} was called outside a Worker or Act, where nothing can stop "
                f"a second run; call {self.name}.function(...) to run it bare"
            )
        action = self.action(*args, **kwargs)
        steps = self._call(action, dispatch)
        return adrive(steps) if is_async(self.function) else drive(steps)

    def action(self, *args: Any, **kwargs: Any) -> Action:
        """The effect with these arguments, as an action that may be proposed.

        Raises:
            DesignError: the arguments do not fit the function, or are not plain data.
        """
        try:
            bound = inspect.signature(self.function).bind(*args, **kwargs)
        except TypeError as problem:
            raise DesignError(f"effect {self.name!r}: {problem}") from None
        bound.apply_defaults()
        arguments = plain(bound.arguments)
        key = self.key(**arguments) if callable(self.key) else self.key.format_map(arguments)
        return Action(name=self.name, arguments=arguments, key=str(key))

    def permit(self, action: Action) -> None:
        """Refuse an action that the effect's own rule does not allow.

        Raises:
            ActionRefused: it names the action and why.
        """
        said = True if self.allow is None else self.allow(action)
        if said is not True and said is not None:
            behalf = f" on behalf of {action.behalf}" if action.behalf else ""
            why = said or name_of(self.allow)
            raise ActionRefused(f"{action}{behalf} is not allowed: {why}", why)

    def perform(self, action: Action, dispatch: Dispatch) -> Steps[Action]:
        """Claim, run and settle; the dispatch records the action as done.

        Raises:
            ActionRefused, EffectRepeated, EffectUnknown: as when called.
        """
        self.permit(action)
        scope = dispatch.place.superstep
        standing = LEDGER.claim(scope, action.key, dispatch.owner)
        if standing is not None:
            done = _again(action, standing, dispatch)
            dispatch.record(done)
            return done
        # The step may end, by a tool beside this one or a timeout, while this is under way.
        dispatch.record(replace(action, status="unknown", result=UNDER_WAY))
        try:
            returned = yield Call(self._run, (action,), blocks=not is_async(self.function))
        except NotCalled:
            self._release(action, dispatch)
            raise DesignError(f"effect {self.name!r} is async: {ASYNC}") from None
        except self.harmless:
            self._release(action, dispatch)
            raise
        except BaseException as problem:
            note = f"{type(problem).__name__}: {problem}"
            dispatch.record(replace(action, status="unknown", result=note))
            raise
        return self._settle(action, returned, dispatch)

    def _settle(self, action: Action, returned: Any, dispatch: Dispatch) -> Action:
        """Put on record what has happened, also where its result cannot be kept as it is."""
        fault = None
        try:
            result = plain(returned)
        except DesignError as problem:
            fault, result = problem, f"{returned!r:.200}"
        done = replace(action, status="done", result=result)
        LEDGER.settle(dispatch.place.superstep, action.key, result)
        dispatch.record(done)
        if fault is not None:
            raise DesignError(
                f"{action} is done, but its result cannot be kept: {fault}"
            ) from fault
        return done

    def _release(self, action: Action, dispatch: Dispatch) -> None:
        LEDGER.release(dispatch.place.superstep, action.key)
        dispatch.forget(action.key)

    def as_tool(self) -> StructuredTool:
        """This effect as a LangChain tool, with the function's own description and schema."""
        asynchronous = self.__call__ if is_async(self.function) else None
        schema = StructuredTool.from_function(
            func=None if asynchronous else self.function,
            coroutine=self.function if asynchronous else None,
        ).args_schema
        return StructuredTool(
            name=self.name,
            description=inspect.getdoc(self.function) or self.name,
            args_schema=schema,
            func=None if asynchronous else self.__call__,
            coroutine=asynchronous,
        )

    def _run(self, action: Action) -> Any:
        return self.function(**in_own_types(self.function, action.arguments))

    def _call(self, action: Action, dispatch: Dispatch) -> Steps[Any]:
        dispatch.allow(self.name)
        for each in dispatch.layers():
            refuse_repeat(action, each.known)
        if (begun := _begun(action, dispatch)) is not None:
            return begun.result
        action = replace(action, proposer=dispatch.place.node, behalf=dispatch.behalf)
        self.permit(action)
        reason = dispatch.why_asked(action)
        if reason is not None:
            dispatch.record(action)
            return {
                "status": "proposed",
                "action": str(action),
                "note": f"not done yet: a person decides first ({reason})",
            }
        done = yield from self.perform(action, dispatch)
        return done.result


def effect(
    function: Callable[..., Any],
    *,
    key: str | Callable[..., str],
    undo: Callable[[Any], Any] | None = None,
    harmless: tuple[type[BaseException], ...] = (),
    allow: Rule | None = None,
) -> Effect:
    """Declare a function's side effect, so that it happens once for its key.

    Args:
        function: what has the side effect; plain or async.
        key: names the effect by its content: a format string such as
            `"refund:{order_id}:{amount}"`, or a function of the arguments.
        undo: takes the function's result and takes the effect back.
        harmless: exceptions after which the effect is known not to have happened, so that it
            may be tried again. After any other exception nobody knows, and a person must look.
        allow: a rule over the action that no approval overrides, such as whose order it is.

    Raises:
        DesignError: the key names something that is not an argument.
    """
    return Effect(function=function, key=key, undo=undo, harmless=harmless, allow=allow)


def refuse_repeat(action: Action, known: Mapping[str, Any]) -> None:
    """Refuse an action that this thread's state records as done, or of which it does not know.

    Raises:
        EffectRepeated, EffectUnknown: the message names the action and what is recorded.
    """
    recorded = known.get(action.key)
    if recorded is None:
        return
    if recorded["status"] == "done":
        raise EffectRepeated(_repeated(action, recorded.get("result")))
    if recorded["status"] == "unknown":
        raise EffectUnknown(
            f"{action} was begun before and its end is not known ({recorded.get('result')}); "
            "a person must look whether it happened"
        )


def _begun(action: Action, dispatch: Dispatch) -> Action | None:
    """What this handoff did under the same key, in this attempt or an earlier one.

    It stands whatever the rules say by now: they look at a record that it has changed itself.
    """
    recorded = dispatch.actions.get(action.key)
    if recorded is None or recorded.status not in ("done", "unknown"):
        return None
    ended: Literal["done", "claimed"] = "done" if recorded.status == "done" else "claimed"
    claim = Claim(key=action.key, owner=dispatch.owner, status=ended, result=recorded.result)
    return _again(action, claim, dispatch)


def _again(action: Action, standing: Claim, dispatch: Dispatch) -> Action:
    """What a step did in an earlier attempt, in place of a second time; else a refusal."""
    recorded = dispatch.actions.get(action.key, action)
    if standing.status != "done":
        raise EffectUnknown(
            f"{action} was begun before and its end is not known; look whether it happened "
            f"(key {action.key!r}) before anything runs it again"
        )
    done = replace(recorded, status="done", result=standing.result)
    if standing.owner != dispatch.owner or done.digest != action.digest:
        raise EffectRepeated(_repeated(done, standing.result))
    return done


def _repeated(action: Action, result: Any) -> str:
    return (
        f"{action} was done before in this thread (key {action.key!r}, result {result!r:.120}); "
        "if it is meant to happen twice, put what differs into the key"
    )


class _Names(dict[str, Any]):
    """Lets any known name through a format string's check, whatever its format spec."""

    def __init__(self, names: set[str]) -> None:
        super().__init__({name: _Anything() for name in names})


class _Anything:
    def __format__(self, spec: str) -> str:
        return ""

    def __getattr__(self, name: str) -> _Anything:
        return self

    def __getitem__(self, name: Any) -> _Anything:
        return self
