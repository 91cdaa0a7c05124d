"""Declare a function's side effect, and run it once for its key or propose it to a gate."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from langchain_core.tools import StructuredTool

from quintet.errors import ActionRefused, DesignError
from quintet.nodes.core.arguments import KEY, Arguments, arguments_of, takes, without_key
from quintet.nodes.core.attempt import Attempt, current
from quintet.nodes.core.breaker import Breaker
from quintet.nodes.core.call import Call, Logic, adrive, drive
from quintet.nodes.core.dry import would_do
from quintet.nodes.core.ends import check_ends
from quintet.nodes.core.key import canonical_number, check_key, key_text
from quintet.nodes.core.once import Ends, at_work, done_here, propose, run_once
from quintet.nodes.core.receiver import Deed, received
from quintet.nodes.core.standing import Standing, key_for_receiver
from quintet.nodes.core.unknown import resolve
from quintet.state.action import Action
from quintet.state.own import own
from quintet.state.record import plain
from quintet.state.redact import redacted
from quintet.state.verdict import Criterion, check_answers, is_async, name_of, why_not


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Call a function with a side effect so that it happens once for its key in a thread.

    Inside a `Worker` or `Act` it is called like the function itself. An effect that a gate wants a
    person for is proposed instead of run. Give it to LangChain agents by `as_tool()`.

    Attributes:
        function: what has the side effect; it may be async.
        key: a format string over the arguments, or a function of them, that names the effect.
        undo: takes what the function returned, and takes it back.
        harmless: exception types after which the effect is known not to have happened.
        allow: a criterion over the action, asked when it is proposed and again where it happens.
        reconcile: asks the receiver whether it happened.
        after: a criterion on what the function returned, which says that it happened.
        dry: gives what stands in for the result in a dry run.
        sequence: which of several wanted repeats this is; see `repeat`.
        breaker: refuses it for a while once it has failed too often.
    """

    function: Callable[..., Any]
    key: str | Callable[..., str]
    undo: Callable[[Any], Any] | None = None
    harmless: tuple[type[BaseException], ...] = ()
    allow: Criterion[[Action]] | None = None
    reconcile: Callable[..., Any] | None = None
    after: Criterion[[Any]] | None = None
    dry: Callable[..., Any] | None = None
    sequence: int = 1
    breaker: Breaker | None = None

    def __post_init__(self) -> None:
        if not isinstance(getattr(self.function, "__name__", None), str):
            raise DesignError(f"effect: {self.function!r} has no name; give a def function")
        arguments = arguments_of(self.function)
        part = f"effect {self.name!r}"
        if isinstance(self.key, str) and self.key.strip():
            check_key(arguments, self.key)
        elif callable(self.key):
            check_answers(f"{part}, key", self.key)
        else:
            raise DesignError(f"{part}: key={self.key!r} is neither a text nor a function")
        object.__setattr__(self, "harmless", check_ends(self, part))

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

    @property
    def honours_key(self) -> bool:
        """Say whether the function takes an `idempotency_key`, by which its receiver knows it."""
        return self.arguments.takes_key

    @property
    def undo_honours_key(self) -> bool:
        """Say whether `undo` takes an `idempotency_key`."""
        return self.undo is not None and takes(self.undo, KEY)

    def repeat(self, number: int) -> Effect:
        """Give this effect for the second, third, ... time that it is meant to happen.

        `remind.repeat(2)(order="1042")` happens once more than `remind(order="1042")`, and once
        only.

        Raises:
            DesignError: it is not a whole number from 1.
        """
        return replace(self, sequence=number)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run or propose the effect from inside a worker; awaitable if the function is async.

        Returns:
            The function's result, or `{"status": "proposed", ...}` where a person must decide.

        Raises:
            DesignError: called outside a worker, or with arguments that do not fit.
            ToolRefused: the worker's contract does not list it.
            ActionRefused: its own rule does not allow it.
            EffectRepeated: this thread has done it already.
            EffectUnknown: it was begun before, and its end is not known.
            Stopped, CircuitOpen, BudgetExhausted: it may not begin now.
            AttemptEnded: the worker's attempt has ended, such as by a time-out.
        """
        return self.call(*self.begin(args, kwargs))

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Action, Attempt]:
        """Give a call's arguments as an action, and the open attempt that it belongs to.

        Raises:
            DesignError, AttemptEnded: as when the effect is called.
        """
        attempt = current.get()
        if attempt is None:
            raise DesignError(
                f"effect {self.name!r} was called outside a Worker or Act, where nothing can stop "
                f"a second run; call {self.name}.function(...) to run it bare, or in a thread of "
                "an agent's own copy_context().run(...)"
            )
        # A late caller is told that it is late, not that its arguments are wrong.
        attempt.check_open(self.name)
        return self.action(*args, **kwargs), attempt

    def call(self, action: Action, attempt: Attempt) -> Any:
        """Run or propose an action for an attempt; awaitable if the function is async."""
        logic = self._logic(action, attempt)
        if not is_async(self.function):
            return drive(logic)
        coroutine = adrive(logic)
        # An agent may forget to await it; the worker refuses that, and closes the coroutine.
        attempt.unawaited[self.name, action.key] = coroutine
        return coroutine

    def _logic(self, action: Action, attempt: Attempt) -> Logic[Any]:
        with at_work(attempt, (self.name, action.key)):
            return (yield from self._called(action, attempt))

    def _called(self, action: Action, attempt: Attempt) -> Logic[Any]:
        attempt.allow(self.name)
        yield from attempt.find_mode()
        standing = yield from done_here(action, attempt, self._ends(attempt))
        if isinstance(standing, Action):
            return self.result_of(standing)
        action = replace(action, proposer=attempt.task.node, behalf=attempt.behalf, run=attempt.run)
        self.permit(action)
        asked = attempt.why_asked(action)
        if asked is None:
            return self.result_of((yield from self._run_once(action, attempt, standing)))
        reason, gate = asked
        propose(replace(action, gate=gate), attempt)
        return {
            "status": "proposed",
            "action": str(action),
            "note": f"not done yet: a person decides first ({reason})",
        }

    def action(self, *args: Any, **kwargs: Any) -> Action:
        """Give the effect with these arguments as an action that may be proposed.

        Raises:
            DesignError: the arguments do not fit the function, cannot be kept, or make no key.
        """
        # The key is made from the arguments as Act will read them, so that it is the same there.
        arguments, typed = self.arguments.kept(self.arguments.bind(args, kwargs))
        key, number = self._key_of(typed), self.sequence
        if redacted(key) != key:
            raise DesignError(f"effect {self.name!r}: its key holds the value of a secret")
        key = key if number == 1 else f"{key}#{number}"
        return Action(name=self.name, arguments=arguments, key=key, sequence=number)

    def exactly(self, action: Action) -> Action:
        """Give an action of this effect with its arguments checked, under the effect's own key.

        Raises:
            DesignError: the arguments do not fit.
        """
        checked = replace(self, sequence=action.sequence).action(**action.arguments)
        return replace(action, arguments=checked.arguments, key=checked.key)

    def _key_of(self, typed: Mapping[str, Any]) -> str:
        if isinstance(self.key, str):
            return key_text(self.key, self.arguments, typed)
        # As in a text, equal numbers are one: 144 and 144.0 make no two payments.
        as_float = self.arguments.as_float
        given = {name: canonical_number(typed[name], as_float(name)) for name in typed}
        key: Any = self.key(**own(given))
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
        reason = why_not(self.allow(own(action)), self.allow)
        if reason is not None:
            behalf = f" on behalf of {action.behalf}" if action.behalf else ""
            reason = name_of(self.allow) if reason == "does not hold" else reason
            raise ActionRefused(f"{action}{behalf} is not allowed: {reason}", reason)

    def perform(self, action: Action, attempt: Attempt) -> Logic[Action]:
        """Run an action once, if the effect's own rule allows it, and give it with its result.

        Raises:
            ActionRefused, EffectRepeated, EffectUnknown, AttemptEnded: as when called.
        """
        yield from attempt.find_mode()
        standing = yield from done_here(action, attempt, self._ends(attempt))
        if not isinstance(standing, Action):
            self.permit(action)
            standing = yield from self._run_once(action, attempt, standing)
        self.arguments.refuse_misfit(standing)
        return standing

    def _run_once(self, action: Action, attempt: Attempt, standing: Standing) -> Logic[Action]:
        mode = yield from attempt.find_mode()
        if mode.dry:
            stand_in = partial(self._stand_in, action)
            return (yield from would_do(action, attempt, standing, mode, stand_in))
        # The function may change a list of its own, and the record of it must stand.
        arguments = self.arguments.read(own(dict(action.arguments)))
        if self.honours_key:
            arguments[KEY] = key_for_receiver(attempt.scope, action, standing.undone)
        deed = Deed(name=self.name, key=action.key, receiver=arguments.get(KEY, ""))
        function = received(deed, partial(self.function, **arguments))
        call = Call(function, (), blocks=not is_async(self.function))
        logic = run_once(action, attempt, call, standing, self._ends(attempt))
        if self.breaker is not None:
            logic = self.breaker.guarded(self.name, attempt.place.journal, logic)
        return (yield from logic)

    def result_of(self, action: Action) -> Any:
        """Give the result of a done action as the function returned it.

        Raises:
            ContractBroken: it is of another kind than the function says.
        """
        self.arguments.refuse_misfit(action)
        # A note that nothing was done must not be read as a result whose fields all have defaults.
        bare = action.status == "dry" and self.dry is None
        result = own(action.result)
        return result if bare else self.arguments.result(result)

    def misfit(self, result: Any) -> str:
        """Say why a result is none that the function may return; empty where it is one."""
        return self.arguments.misfit(result)

    def _stand_in(self, action: Action) -> Any:
        if self.dry is not None:
            return self.dry(**self.arguments_for(self.dry, action))
        return {"status": "dry run", "action": str(action), "note": "not done: this is a dry run"}

    def _ends(self, attempt: Attempt) -> Ends:
        def resolved(action: Action, standing: Standing, may_ask: bool) -> Logic[Standing]:
            return resolve(self, action, attempt, standing, may_ask=may_ask)

        return Ends(harmless=self.harmless, after=self.after, resolve=resolved)

    def arguments_for(self, function: Callable[..., Any], action: Action) -> dict[str, Any]:
        """Give the arguments that `reconcile` or `dry` takes, by its parameters' names."""
        given = own(action)
        known = self.arguments.read(given.arguments) | {"action": given, "key": action.key}
        return {name: value for name, value in known.items() if takes(function, name)}

    def undo_call(self, action: Action, result: Any, key: str) -> Call:
        """Give the call that takes the effect back, with a key by which its receiver knows it."""
        options = {KEY: key} if self.undo_honours_key else {}
        function: Any = self.undo
        deed = Deed(name=f"undo {self.name}", key=action.key, receiver=options.get(KEY, ""))
        given, blocks = (self.arguments.result(own(result)),), not is_async(function)
        return Call(received(deed, function), given, options=options, blocks=blocks)

    def as_tool(self) -> StructuredTool:
        """Give this effect as a LangChain tool, with the function's own description and schema.

        The message of its result carries the action as its artifact, so that an agent graph that
        pauses for a person keeps it in its own checkpoints.
        """
        asynchronous = is_async(self.function)
        description = inspect.getdoc(self.function) or self.name
        schema = StructuredTool.from_function(
            func=None if asynchronous else self.function,
            coroutine=self.function if asynchronous else None,
            description=description,
        ).args_schema
        if self.honours_key:
            schema = without_key(schema)
        call = _ToolCall(self)  # the worker knows the effect's own tool by this object
        return StructuredTool(
            name=self.name,
            description=description,
            args_schema=schema,
            func=None if asynchronous else call.call,
            coroutine=call.acall if asynchronous else None,
            response_format="content_and_artifact",
        )


class _ToolCall:
    """Call an effect as LangChain does, and give its action beside its result."""

    def __init__(self, effect: Effect) -> None:
        self.effect = effect

    def call(self, **arguments: Any) -> tuple[Any, Any]:
        """Call the effect, and give its action beside its result."""
        action, attempt = self.effect.begin((), arguments)
        return self.effect.call(action, attempt), _artifact(action, attempt)

    async def acall(self, **arguments: Any) -> tuple[Any, Any]:
        """Await the effect, and give its action beside its result."""
        action, attempt = self.effect.begin((), arguments)
        return await self.effect.call(action, attempt), _artifact(action, attempt)


def _artifact(action: Action, attempt: Attempt) -> Any:
    recorded = attempt.actions.get((action.name, action.key))
    return None if recorded is None else {"quintet_action": plain(recorded)}


def effect(  # noqa: PLR0913 - each argument is another question about what happened
    function: Callable[..., Any],
    *,
    key: str | Callable[..., str],
    undo: Callable[[Any], Any] | None = None,
    harmless: tuple[type[BaseException], ...] = (),
    allow: Criterion[[Action]] | None = None,
    reconcile: Callable[..., Any] | None = None,
    after: Criterion[[Any]] | None = None,
    dry: Callable[..., Any] | None = None,
    breaker: Breaker | None = None,
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
        reconcile: asks the receiver whether the effect happened, when a crash has left that
            unknown; it takes any of the function's arguments by their names, and `key` or `action`.
            It gives the function's result, or True, where the effect happened; False where it did
            not, and it is then tried again. Anything else (None, an exception) means that it cannot
            tell: a person is asked.
        after: a criterion on what the function returned, which says that the effect happened, such
            as `lambda receipt: receipt["status"] == "paid"`. Where it does not hold, nobody knows.
        dry: gives the result that stands in for the real one in a dry run; it takes what
            `reconcile` takes. Without it, the agent gets `{"status": "dry run", ...}`.
        breaker: refuses it for a while, before it is claimed, once it has failed too often.

    A function with a parameter `idempotency_key` is given one, the same for each attempt at one
    effect of a thread. Where its receiver honours that key, nothing else is needed.

    Raises:
        DesignError: the key names something that is not an argument or not its content, a type
            cannot be kept, or a function is async where nothing awaits it.
    """
    return Effect(
        function=function,
        key=key,
        undo=undo,
        harmless=harmless,
        allow=allow,
        reconcile=reconcile,
        after=after,
        dry=dry,
        breaker=breaker,
    )
