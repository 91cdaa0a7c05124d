"""Use effects, gates and contracts in LangGraph's functional form, `@entrypoint` and `@task`.

An entrypoint runs from its beginning each time that it is resumed, and LangGraph gives it back what
its tasks returned. So each part here that asks, calls or acts is such a task: a question has one
answer, and an effect that has happened gives its result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langgraph.func import task as langgraph_task
from langgraph.types import Command

from quintet.errors import ActionRefused, ApprovalMissing, DesignError
from quintet.nodes.act import Act, pending
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import Call, Logic, adrive, drive
from quintet.nodes.core.once import done_before
from quintet.nodes.core.task import caller, current_task, running_task
from quintet.nodes.effect import Effect
from quintet.nodes.work import Worker
from quintet.state.action import Action
from quintet.state.failure import StepFailed
from quintet.state.record import plain, read
from quintet.state.verdict import is_async, name_of

ASKED = 50
"""The most questions of one call, refused answers included."""

Actions = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Once:
    """Call an effect from an entrypoint or a task. Made by `once`."""

    effect: Effect
    gate: ApprovalGate | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it with its function's arguments; awaitable if the function is async."""
        if is_async(self.effect.function):
            return self.acall(*args, **kwargs)
        return drive(self._logic(False, args, kwargs))

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        """Call it from an async entrypoint or task."""
        return await adrive(self._logic(True, args, kwargs))

    def _logic(self, awaits: bool, args: Any, kwargs: Any) -> Logic[Any]:
        steps = _Steps(awaits=awaits, caller=_caller(f"once({self.effect.name})"))
        # A task, since the time of the proposal is a part of what is approved.
        proposal = yield steps.call("propose", _proposed, self.effect, args, kwargs)
        actions = yield from steps.settled((self.effect,), self.gate, {proposal["key"]: proposal})
        [done] = [item for item in actions.values() if item["status"] in ("done", "dry")]
        return self.effect.result_of(read(Action, done))


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Call a worker from an entrypoint or a task. Made by `checked`."""

    worker: Worker

    def __call__(self, **context: Any) -> Any:
        """Give the agent its request from this context; awaitable if the agent is async."""
        if is_async(self.worker.agent):
            return self.acall(**context)
        return drive(self._logic(False, context))

    async def acall(self, **context: Any) -> Any:
        """Call it from an async entrypoint or task."""
        return await adrive(self._logic(True, context))

    def _logic(self, awaits: bool, context: Mapping[str, Any]) -> Logic[Any]:
        worker = self.worker
        steps = _Steps(awaits=awaits, caller=_caller(f"checked({name_of(worker.agent)})"))
        update = yield steps.call("work", _Work(worker=worker), dict(context))
        yield from steps.settled(worker.effects, worker.gate, update.get("actions") or {})
        [result] = update["results"].values()
        return result


def once(effect: Effect, *, gate: ApprovalGate | None = None) -> Once:
    """Make an effect callable in an `@entrypoint` or a `@task`, where no worker is around it.

    receipt = once(refund, gate=gate)(order=1042, amount=144.0)

    It happens once for its key in a thread. Where the gate wants a person, the entrypoint stops
    for one, and goes on with the answer. In an async entrypoint: `await once(refund).acall(...)`.

    Args:
        effect: the effect.
        gate: the gate in front of it.

    Returns:
        A callable of the function's arguments that gives its result. It raises `ActionRefused`
        where the person says no, and else as the effect does.

    Raises:
        DesignError: this is no effect, or the gate's condition does not fit it.
    """
    if not isinstance(effect, Effect):
        raise DesignError(f"once({effect!r:.60}): give an effect(...)")
    if gate is not None:
        gate.check_fits((effect,))
    return Once(effect=effect, gate=gate)


def checked(worker: Worker) -> Checked:
    """Make a worker callable in an `@entrypoint` or a `@task`: its agent under its contract.

    letter = checked(writer)(message="a complaint")

    The contract takes its needs from the named values. Proposals of the agent under the worker's
    gate are asked about and done before the result comes back.

    Returns:
        A callable of the context, as named values, that gives the result. It raises
        `ContractBroken`, `ActionRefused` where a person says no, and what the agent raises.

    Raises:
        DesignError: this is no worker, or one that says where a graph goes on.
    """
    if not isinstance(worker, Worker):
        raise DesignError(f"checked({worker!r:.60}): give a Worker")
    if worker.then or worker.handoffs:
        raise DesignError("checked(Worker(then=...)): no node follows in a function; leave it out")
    return Checked(worker=worker)


@dataclass(frozen=True, kw_only=True)
class _Steps:
    """Run each step as a task of LangGraph's, sync or async, for the task that calls it."""

    awaits: bool
    caller: str

    def call(self, name: str, function: Callable[..., Logic[Any]], *args: Any) -> Call:
        """Give the call of a step."""

        def run(*given: Any) -> Any:
            caller.set(self.caller)  # in the task's own context, which ends with it
            return _unwrapped(drive, function(*given))

        async def arun(*given: Any) -> Any:
            caller.set(self.caller)
            return await _aunwrapped(function(*given))

        body: Any = arun if self.awaits else run
        step: Any = langgraph_task(name=name)(body)
        return Call(lambda: step(*args).result(), (), awaitable=lambda: step(*args))

    def settled(
        self, effects: tuple[Effect, ...], gate: ApprovalGate | None, actions: Actions
    ) -> Logic[Actions]:
        """Ask about actions that are proposed, run those that may run, and give all.

        Raises:
            ActionRefused: a person said no to one.
            ApprovalMissing: it was asked too often.
        """
        state: dict[str, Any] = {"actions": actions, "decisions": []}
        if gate is not None and pending(state):
            gate = replace(gate, approved="act", rejected="act", effects=effects)
            for _ in range(ASKED):
                update, again = yield self.call("approve", _Visit(node=gate), state)
                state = _with(state, update)
                if not again:
                    break
            else:
                raise ApprovalMissing(f"gate {gate.name!r} has asked {ASKED} times; nothing is run")
        act = Act(effects=effects, gate=gate, then="end") if effects else None
        while act is not None and pending(state):
            update, _ = yield self.call("act", _Visit(node=act), state)
            state = _with(state, update)
        _refuse(state["actions"])
        return state["actions"]  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True)
class _Visit:
    """Visit a node of a graph once: give its update, and whether it wants to come again."""

    node: ApprovalGate | Act

    def __call__(self, state: Mapping[str, Any]) -> Logic[tuple[dict[str, Any], bool]]:
        """Give the logic of the visit."""
        command: Command[Any] = yield from self.node.logic(state)
        return dict(command.update or {}), command.goto == current_task("").node


@dataclass(frozen=True, kw_only=True)
class _Work:
    """Do the work of a worker, and give its update."""

    worker: Worker

    def __call__(self, state: Mapping[str, Any]) -> Logic[dict[str, Any]]:
        """Give the logic of the work."""
        update: dict[str, Any] = yield from self.worker.logic(state)
        return update


def _caller(name: str) -> str:
    """Give the id of the task that calls, without which nothing would keep what is done.

    Raises:
        DesignError: no task is running.
    """
    if not (task := running_task()):
        raise DesignError(
            f"{name} was called outside an @entrypoint or a @task, where nothing would keep what "
            "is done; call it within one"
        )
    return task


def _proposed(effect: Effect, args: Any, kwargs: Any) -> Logic[Any]:
    action = effect.action(*args, **kwargs)
    with Attempt(task=current_task("propose"), allowed=()) as attempt:
        done = yield from done_before(action, attempt)  # so that nobody is asked about it again
    return plain(done or action)


def _with(state: dict[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Give the state after a step."""
    actions = {**state["actions"], **(update.get("actions") or {})}
    return {"actions": actions, "decisions": list(update.get("decisions") or ())}


def _refuse(actions: Actions) -> None:
    """Refuse to go on where a person said no, unless the action became another by an edit."""
    for item in actions.values():
        if item["status"] == "rejected" and item.get("approval"):
            said, action = item["approval"], read(Action, item)
            why = said["note"] or "without a note"
            raise ActionRefused(f"{said['by']} said {said['answer']} to {action}: {why}", why)


def _unwrapped(run: Callable[[Logic[Any]], Any], logic: Logic[Any]) -> Any:
    """Run a step, and raise its failure as whoever called it would meet it."""
    try:
        return run(logic)
    except StepFailed as failed:
        raise failed.__cause__ or failed from None


async def _aunwrapped(logic: Logic[Any]) -> Any:
    try:
        return await adrive(logic)
    except StepFailed as failed:
        raise failed.__cause__ or failed from None
