"""Acting: the effects that were proposed, each once, each under its approval; and undoing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from langgraph.errors import GraphBubbleUp
from langgraph.types import Command

from quintet.errors import ActionRefused, ApprovalMissing, AttemptEnded, DesignError
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.core.actions import of_this_run
from quintet.nodes.core.attempt import Attempt, current, effect_done
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.node import Node, failure_of
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.effect import Effect, refuse_repeat
from quintet.nodes.finish import closed
from quintet.state.action import Action
from quintet.state.channels import OPEN
from quintet.state.decision import Decision
from quintet.state.failure import StepFailed, in_words
from quintet.state.outcome import Outcome
from quintet.state.record import plain, read
from quintet.state.run import run_of


@dataclass(frozen=True, kw_only=True)
class Act(Node):
    """Run the actions of its effects that stand proposed or approved in the state, one a visit.

    Each is checked here, where the effect happens: an action that the gate wants a person for
    runs only under an approval of exactly this action, none runs twice in a thread, and none runs
    once its run has ended, such as by another branch that was handed to a person.

    Args:
        effects: the effects that it may run.
        then: the node to go to when nothing is left to do.
        gate: the gate whose approvals count; None where no action needs one.

    Raises:
        DesignError: no effects, two of one name, or a gate's condition that none of them fits.
    """

    effects: tuple[Effect, ...]
    then: str
    gate: ApprovalGate | None = None

    writes = frozenset({"actions", "decisions", "spent", "run"})

    def __post_init__(self) -> None:
        names = [effect.name for effect in self.effects]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise DesignError(f"Act: two effects are named {repeated[0]!r}")
        if self.gate is not None:
            self.gate.check_fits(self.effects)

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Where it goes when nothing is left; it also comes back to itself."""
        return (self.then,)

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Run the first action that may run, and come back for the next."""
        here = current_task("act")
        waiting = self._waiting(state)
        if not waiting:
            return Command(goto=self.then)
        at, action = waiting[0]
        attempt = Attempt(task=here, known=state.get("actions") or {}, run=run_of(state))
        exact = action
        try:
            _refuse_after_end(action, state)
            effect = self._effect(action)
            self._permit(action)
            exact = effect.exactly(action)
            refuse_repeat(exact, attempt.known)
            with attempt:
                done = yield from effect.perform(exact, attempt)
        except GraphBubbleUp:
            raise
        except Exception as problem:
            raise self._failed(at, action, exact, attempt, problem) from problem
        records = {done.key: plain(done), **_became(at, action, done)}
        return Command(
            goto=here.node if len(waiting) > 1 else self.then,
            update={"actions": records, "decisions": [effect_done(here.node, done)]},
        )

    def _waiting(self, state: Mapping[str, Any]) -> list[tuple[str, Action]]:
        """Give the open actions that are this node's to run."""
        mine = {effect.name for effect in self.effects}
        gates = ("", "" if self.gate is None else self.gate.name)
        # Another gate's proposals are for another Act; what nobody can run is refused by name.
        return [
            (at, action)
            for at, action in pending(state)
            if action.name in mine or action.gate in gates
        ]

    def _permit(self, action: Action) -> None:
        if self.gate is not None and (reason := self.gate.wants(action)) is not None:
            self.gate.check(action, reason=reason, now=time.time())
        around = current.get()
        if around is None:
            return
        around.allow(action.name)
        if self.gate is None and (asked := around.why_asked(action)) is not None:
            raise ApprovalMissing(
                f"{action} needs approval at a gate around this graph ({asked[0]}), which cannot "
                "ask here; call the effect in a worker without Act, or give Act a gate of its own"
            )

    def _effect(self, action: Action) -> Effect:
        for effect in self.effects:
            if effect.name == action.name:
                return effect
        raise DesignError(
            f"Act has no effect {action.name!r}; it has "
            f"{', '.join(effect.name for effect in self.effects) or 'none'}"
        )

    def _failed(
        self, at: str, action: Action, exact: Action, attempt: Attempt, problem: Exception
    ) -> StepFailed:
        failure = failure_of(problem, attempt.task, step=exact.key)
        if not self._harmless(exact, problem):
            failure = replace(failure, kind="denied")
        update = attempt.update(failed=True)
        begun = (exact.name, exact.key) in attempt.actions
        ended = replace(action, status="failed", result=failure.message)
        mine = _became(at, action, exact) if begun else {at: plain(ended)}
        update["actions"] = update.get("actions", {}) | mine
        return StepFailed(failure, update)

    def _harmless(self, action: Action, problem: Exception) -> bool:
        known = (ActionRefused, ApprovalMissing, AttemptEnded, DesignError)
        for effect in self.effects:
            if effect.name == action.name:
                known += effect.harmless  # type: ignore[assignment]
        return isinstance(problem, known)


def _refuse_after_end(action: Action, state: Mapping[str, Any]) -> None:
    """Refuse an action whose run has ended meanwhile, as by another branch.

    Raises:
        ActionRefused: it names the action and how the run ended.
    """
    ended = state.get("outcome") or {}
    if ended.get("status", "done") != "done":
        why = f"its run has ended {ended['status']}: {ended['reason']}"
        raise ActionRefused(f"{action} is not run: {why}", why)


def _became(at: str, action: Action, done: Action) -> dict[str, Any]:
    """Give the record of an action that ends under another key than it was proposed under."""
    if at in (done.key, f"{done.name}:{done.key}"):
        return {}
    became = replace(action, status="rejected", result=f"became {done.key}", approval=None)
    return {at: plain(became)}


def pending(state: Mapping[str, Any]) -> list[tuple[str, Action]]:
    """Give this run's actions that stand proposed or approved, oldest first, by their places."""
    waiting = []
    for at, item in of_this_run(state).items():
        if "again" in item:
            waiting.append((at, read(Action, item["again"])))
        elif item["status"] in OPEN:
            waiting.append((at, read(Action, item)))
    return waiting


def proposed(*actions: Action) -> dict[str, Any]:
    """Give a state update that proposes actions; any node may return it."""
    return {"actions": {action.key: plain(action) for action in actions}}


@dataclass(frozen=True, kw_only=True)
class Undo(Node):
    """Take back what the run has done, last first and one a visit, and end it as `aborted`.

    Args:
        effects: the effects whose `undo` it may call. An action without one stays done, and the
            outcome says so.
    """

    effects: tuple[Effect, ...]

    writes = frozenset({"actions", "decisions", "outcome", "kept", "run"})

    def logic(self, state: Mapping[str, Any]) -> Logic[Any]:
        """Undo the last action that this run has done, and come back for the one before."""
        here = current_task("undo")
        tried = kept(state, "undo")
        for at, action in _done_last_first(state):
            undo = next((e for e in self.effects if e.name == action.name and e.undo), None)
            mark = f"{here.path}:{at}"
            if undo is None or mark in tried:
                continue
            why_not = yield from _undone(undo, action)
            update: dict[str, Any] = {"kept": keep("undo", mark, why_not)}
            if why_not is None:
                update = {"actions": {at: plain(replace(action, status="undone"))}}
            return Command(goto=here.node, update=update)
        return self._end(here, state)

    def _end(self, here: Task, state: Mapping[str, Any]) -> dict[str, Any]:
        actions, tried = of_this_run(state), kept(state, "undo")
        last_first = sorted(actions, key=lambda at: actions[at].get("ended") or 0, reverse=True)
        undone = [at for at in last_first if actions[at]["status"] == "undone"]
        stays = [
            why
            for at, item in actions.items()
            if (why := _stays(at, item, tried.get(f"{here.path}:{at}"))) is not None
        ]
        failures = state.get("failures") or []
        why = failures[-1]["message"] if failures else "the run was aborted"
        outcome = Outcome(
            status="escalated" if stays else "aborted",
            reason="; ".join([why, *stays]),
            evidence={"undone": undone, "kept": stays},
        )
        decision = Decision(kind="abort", node=here.node, choice=outcome.status, reason=why)
        return closed(state) | {"outcome": plain(outcome), "decisions": [plain(decision)]}


def _undone(effect: Effect, action: Action) -> Logic[str | None]:
    """Take one action back; give why it could not be, or None."""
    result = effect.arguments.result(action.result)
    try:
        yield Call(effect.undo, (result,), blocks=True)
    except GraphBubbleUp:
        raise
    except Exception as problem:  # noqa: BLE001 - an undo may fail in any way
        return in_words(problem)
    return None


def _done_last_first(state: Mapping[str, Any]) -> list[tuple[str, Action]]:
    """Give this run's done actions of which enough is on record, the last done first."""
    done = [
        (at, _whole(item))
        for at, item in of_this_run(state).items()
        if item["status"] == "done" and "arguments" in item
    ]
    return sorted(done, key=lambda pair: pair[1].ended or pair[1].at, reverse=True)


def _whole(item: Mapping[str, Any]) -> Action:
    return read(Action, {name: value for name, value in item.items() if name != "again"})


def _stays(at: str, item: Mapping[str, Any], tried: str | None) -> str | None:
    """Say what a person must look at when a run was undone, or None."""
    if item["status"] == "unknown":
        return f"{_whole(item)} may have happened ({item.get('result')})"
    if item["status"] != "done":
        return None
    if "arguments" not in item:
        return f"{at} is too far back to be undone and stays done"
    if tried is not None:
        return f"{_whole(item)} could not be undone: {tried}"
    return f"{_whole(item)} has no undo and stays done"
