"""A side effect that happens once: claimed before, settled after, undone where it must be."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.tools import StructuredTool
from langgraph.errors import GraphBubbleUp

from quintet.errors import ActionRefused, DesignError, EffectRepeated, EffectUnknown
from quintet.nodes.core.arguments import Arguments, arguments_of, check_key, key_text
from quintet.nodes.core.attempt import Attempt, current
from quintet.nodes.core.call import ASYNC, Call, Logic, NotCalled, adrive, drive
from quintet.state.action import Action
from quintet.state.channels import slot
from quintet.state.failure import in_words
from quintet.state.journal import Claim, journal
from quintet.state.record import plain
from quintet.state.verdict import Criterion, is_async, name_of, refuse_async, why_not

UNDER_WAY = "it was under way when its step ended"


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
        allow: a criterion over the action, asked when it is proposed and again where it happens.
    """

    function: Callable[..., Any]
    key: str | Callable[..., str]
    undo: Callable[[Any], Any] | None = None
    harmless: tuple[type[BaseException], ...] = ()
    allow: Criterion[[Action]] | None = None

    def __post_init__(self) -> None:
        if not isinstance(getattr(self.function, "__name__", None), str):
            raise DesignError(f"effect: {self.function!r} has no name; give a def function")
        arguments = arguments_of(self.function)
        part = f"effect {self.name!r}"
        if isinstance(self.key, str):
            check_key(arguments, self.key)
        elif callable(self.key):
            refuse_async(f"{part}, key", self.key)
        else:
            raise DesignError(f"{part}: key={self.key!r} is neither a text nor a function")
        errors = self.harmless if isinstance(self.harmless, tuple) else (self.harmless,)
        for error in errors:
            if not (isinstance(error, type) and issubclass(error, BaseException)):
                raise DesignError(f"{part}: harmless={error!r:.60} is no exception type")
        object.__setattr__(self, "harmless", errors)
        for name in ("undo", "allow"):
            given = getattr(self, name)
            if given is not None and not callable(given):
                raise DesignError(f"{part}: {name}={given!r:.60} is no function")
        if self.allow is not None:
            refuse_async(f"{part}, allow", self.allow)

    @property
    def name(self) -> str:
        """Give the function's name."""
        return self.function.__name__

    @property
    def __name__(self) -> str:
        return self.function.__name__

    @property
    def arguments(self) -> Arguments:
        """Give the function's parameters and their types."""
        return arguments_of(self.function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run or propose the effect from inside a worker; awaitable if the function is async.

        Returns:
            What the function returned, or `{"status": "proposed", ...}` where a person must decide.

        Raises:
            DesignError: called outside a worker, or with arguments that do not fit.
            ToolRefused: the worker's contract does not list it.
            ActionRefused: its own rule does not allow it.
            EffectRepeated: this thread has done it already.
            EffectUnknown: it was begun before, and its end is not known.
            AttemptEnded: the worker's attempt has ended, such as by a time-out.
        """
        attempt = current.get()
        if attempt is None:
            raise DesignError(
                f"effect {self.name!r} was called outside a Worker or Act, where nothing can stop "
                f"a second run; call {self.name}.function(...) to run it bare, or in a thread of "
                "an agent's own copy_context().run(...)"
            )
        attempt.check_open(self.name)
        action = self.action(*args, **kwargs)
        steps = self._call(action, attempt)
        if not is_async(self.function):
            return drive(steps)
        call = adrive(steps)
        attempt.unawaited[self.name, action.key] = call
        return call

    def action(self, *args: Any, **kwargs: Any) -> Action:
        """Give the effect with these arguments as an action that may be proposed.

        Raises:
            DesignError: the arguments do not fit the function, cannot be kept, or make no key.
        """
        return self._action(self.arguments.bind(args, kwargs))

    def _action(self, typed: Mapping[str, Any]) -> Action:
        arguments, again = self.arguments.kept(typed)
        return Action(name=self.name, arguments=arguments, key=self._key_of(again))

    def exactly(self, action: Action) -> Action:
        """Give an action of this effect with its arguments checked, under the effect's own key.

        Raises:
            DesignError: the arguments do not fit.
        """
        made = self.action(**action.arguments)
        return replace(action, arguments=made.arguments, key=made.key)

    def _key_of(self, typed: Mapping[str, Any]) -> str:
        if isinstance(self.key, str):
            return key_text(self.key, self.arguments, typed)
        key: Any = self.key(**typed)
        if isinstance(key, bool) or not isinstance(key, str | int) or not str(key).strip():
            raise DesignError(
                f"effect {self.name!r}: its key function {name_of(self.key)} returned {key!r:.60}, "
                "which would name all its effects alike; return a text that names this one"
            )
        return str(key)

    def permit(self, action: Action) -> None:
        """Refuse an action that the effect's own rule does not allow.

        Raises:
            ActionRefused: it names the action and why.
        """
        if self.allow is None:
            return
        reason = why_not(self.allow(action), self.allow)
        if reason is not None:
            behalf = f" on behalf of {action.behalf}" if action.behalf else ""
            reason = name_of(self.allow) if reason == "does not hold" else reason
            raise ActionRefused(f"{action}{behalf} is not allowed: {reason}", reason)

    def perform(self, action: Action, attempt: Attempt) -> Logic[Action]:
        """Claim, run and settle; the attempt records the action as done.

        Raises:
            ActionRefused, EffectRepeated, EffectUnknown, AttemptEnded: as when called.
        """
        self.permit(action)
        attempt.check_open(self.name)
        claimed = f"{self.name}:{action.key}"
        standing = journal().claim(attempt.task.superstep, claimed, attempt.owner)
        if standing is not None:
            done = _again(action, standing, attempt)
            attempt.record(done)
            return done
        # The step may end, by a tool beside this one or a time-out, while this is under way.
        attempt.record(replace(action, status="unknown", result=UNDER_WAY))
        try:
            returned = yield Call(self._run, (action,), blocks=not is_async(self.function))
        except NotCalled:
            self._release(action, attempt)
            raise DesignError(f"effect {self.name!r} is async: {ASYNC}") from None
        except GraphBubbleUp:
            raise self._interrupted(action) from None
        except self.harmless:
            self._release(action, attempt)
            raise
        except BaseException as problem:
            attempt.record(replace(action, status="unknown", result=in_words(problem)))
            raise
        return self._settle(action, returned, attempt)

    def _interrupted(self, action: Action) -> DesignError:
        return DesignError(
            f"{action} asks a person, or leaves, from inside the effect, and nobody can tell what "
            "it had done by then; ask by an ApprovalGate, or in the agent before the effect"
        )

    def _settle(self, action: Action, returned: Any, attempt: Attempt) -> Action:
        """Put on record what has happened, also where its result cannot be kept as it is."""
        fault = None
        try:
            result = plain(returned)
        except DesignError as problem:
            fault, result = problem, f"{returned!r:.200}"
        done = replace(action, status="done", result=result, ended=time.time())
        journal().settle(attempt.task.superstep, f"{self.name}:{action.key}", result)
        attempt.record(done)
        if fault is not None:
            raise DesignError(
                f"{action} is done, but its result cannot be kept: {fault}"
            ) from fault
        return done

    def _release(self, action: Action, attempt: Attempt) -> None:
        journal().release(attempt.task.superstep, f"{self.name}:{action.key}")
        attempt.forget(action)

    def as_tool(self) -> StructuredTool:
        """Give this effect as a LangChain tool, with the function's own description and schema.

        The message of its result carries the action as its artifact, so that an agent graph that
        pauses for a person keeps it in its own checkpoints.
        """
        asynchronous = is_async(self.function)
        described = inspect.getdoc(self.function) or self.name
        schema = StructuredTool.from_function(
            func=None if asynchronous else self.function,
            coroutine=self.function if asynchronous else None,
            description=described,
        ).args_schema
        call = _ToolCall(self)
        return StructuredTool(
            name=self.name,
            description=described,
            args_schema=schema,
            func=None if asynchronous else call.call,
            coroutine=call.acall if asynchronous else None,
            response_format="content_and_artifact",
        )

    def _run(self, action: Action) -> Any:
        return self.function(**self.arguments.read(action.arguments))

    def _call(self, action: Action, attempt: Attempt) -> Logic[Any]:
        attempt.unawaited.pop((self.name, action.key), None)
        attempt.allow(self.name)
        if (begun := attempt.begun(action)) is not None:
            return self.arguments.result(_repeated_here(action, begun).result)
        for each in attempt.layers():
            refuse_repeat(action, each.known)
        action = replace(action, proposer=attempt.task.node, behalf=attempt.behalf, run=attempt.run)
        self.permit(action)
        asked = attempt.why_asked(action)
        if asked is None:
            done = yield from self.perform(action, attempt)
            return self.arguments.result(done.result)
        reason, gate = asked
        _refuse_another(action, attempt)
        attempt.record(replace(action, gate=gate))
        return {
            "status": "proposed",
            "action": str(action),
            "note": f"not done yet: a person decides first ({reason})",
        }


class _ToolCall:
    """An effect as LangChain calls it."""

    def __init__(self, effect: Effect) -> None:
        self.effect = effect

    def call(self, **arguments: Any) -> tuple[Any, Any]:
        """Call the effect, and give its action beside its result."""
        return self._whole(self.effect(**arguments), arguments)

    async def acall(self, **arguments: Any) -> tuple[Any, Any]:
        """Await the effect, and give its action beside its result."""
        return self._whole(await self.effect(**arguments), arguments)

    def _whole(self, result: Any, arguments: Mapping[str, Any]) -> tuple[Any, Any]:
        attempt = current.get()
        action = self.effect.action(**arguments)
        kept = None if attempt is None else attempt.actions.get((action.name, action.key))
        return result, None if kept is None else {"quintet_action": plain(kept)}


def effect(
    function: Callable[..., Any],
    *,
    key: str | Callable[..., str],
    undo: Callable[[Any], Any] | None = None,
    harmless: tuple[type[BaseException], ...] = (),
    allow: Criterion[[Action]] | None = None,
) -> Effect:
    """Declare a function's side effect, so that it happens once for its key.

    Args:
        function: what has the side effect; plain or async. Where its arguments are annotated, they
            are checked: a "12" is no number.
        key: names the effect by its content: a format string such as
            `"refund:{order_id}:{amount}"`, or a function of the arguments.
        undo: takes the function's result and takes the effect back.
        harmless: exceptions after which the effect is known not to have happened, so that it
            may be tried again. After any other exception nobody knows, and a person must look.
        allow: a criterion over the action that no approval overrides, such as whose order it is.

    Raises:
        DesignError: the key names something that is not an argument or not its content, a type
            cannot be kept, or a function is async where nothing awaits it.
    """
    return Effect(function=function, key=key, undo=undo, harmless=harmless, allow=allow)


def refuse_repeat(action: Action, known: Mapping[str, Any]) -> None:
    """Refuse an action that the state already holds as done, or as of unknown end.

    Raises:
        EffectRepeated, EffectUnknown: they name the action and its key.
    """
    recorded = known.get(slot(known, action.name, action.key))
    if recorded is None:
        return
    if recorded["status"] == "done":
        raise EffectRepeated(_repeated(action, recorded.get("result")))
    if recorded["status"] == "unknown":
        raise EffectUnknown(
            f"{action} was begun before and its end is not known ({recorded.get('result')}); "
            "a person must look whether it happened"
        )


def _refuse_another(action: Action, attempt: Attempt) -> None:
    """Refuse a proposal under a key under which another one already stands.

    Raises:
        EffectRepeated: it names both.
    """
    mine = attempt.actions.get((action.name, action.key))
    place = slot(attempt.known, action.name, action.key)
    theirs = attempt.known.get(place)
    standing = [mine] if mine is not None else []
    if theirs is not None and theirs["status"] in ("proposed", "approved"):
        standing.append(Action(name=action.name, arguments=theirs["arguments"], key=action.key))
    for other in standing:
        if other.digest != action.digest:
            raise EffectRepeated(
                f"{action} has the key {action.key!r} of {other}, which is proposed already; if "
                "both are meant, put what differs into the key"
            )


def _repeated_here(action: Action, begun: Action) -> Action:
    """Give what this handoff has done itself, in place of a second time; else a refusal.

    It stands whatever the rules say by now: they look at a record that it has changed itself.
    """
    if begun.status != "done":
        raise EffectUnknown(_unknown(action))
    if begun.digest != action.digest:
        raise EffectRepeated(_repeated(begun, begun.result))
    return begun


def _again(action: Action, standing: Claim, attempt: Attempt) -> Action:
    """Give what a step did in an earlier attempt, in place of a second time; else a refusal."""
    recorded = attempt.begun(action) or action
    if standing.status != "done":
        raise EffectUnknown(_unknown(action))
    done = replace(recorded, status="done", result=standing.result)
    if standing.owner != attempt.owner or done.digest != action.digest:
        raise EffectRepeated(_repeated(done, standing.result))
    return done


def _unknown(action: Action) -> str:
    return (
        f"{action} was begun before and its end is not known; look whether it happened "
        f"(key {action.key!r}) before anything runs it again"
    )


def _repeated(action: Action, result: Any) -> str:
    return (
        f"{action} was done before in this thread (key {action.key!r}, result {result!r:.120}); "
        "if it is meant to happen twice, put what differs into the key"
    )
