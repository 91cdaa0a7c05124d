"""Run proposed actions, each once and under its approval, and undo what a run has done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from langgraph.errors import GraphBubbleUp, is_invalid_resume
from langgraph.types import Command

from quintet.errors import (
    ActionRefused,
    ApprovalMissing,
    AttemptEnded,
    BudgetExhausted,
    CircuitOpen,
    DesignError,
    EffectUnknown,
    Stopped,
)
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.core.actions import BECAME, of_this_run
from quintet.nodes.core.attempt import Attempt, current
from quintet.nodes.core.call import Logic
from quintet.nodes.core.did import complete
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.node import Node, failure_of
from quintet.nodes.core.spoken import spoken
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.core.undo import take_back
from quintet.nodes.core.way import check_way, lead, targets_in
from quintet.nodes.effect import Effect
from quintet.nodes.finish import closed, dry_actions, said_dry
from quintet.state.action import Action, ActionStatus
from quintet.state.channels import OPEN
from quintet.state.decision import Decision
from quintet.state.failure import Failure, StepFailed, in_words
from quintet.state.outcome import Outcome
from quintet.state.record import plain, read
from quintet.state.run import run_of


@dataclass(frozen=True, kw_only=True)
class Act(Node):
    """Run the actions that are proposed or approved in the state, one a visit.

    Each is checked here, where the effect happens. An action that the gate wants a person for
    runs only under an approval of exactly this action. No action runs twice in a thread, or after
    its run has ended, such as by another branch that was handed to a person.

    Args:
        effects: the effects that it may run.
        then: the node to go to when nothing is left to do, or a path that chooses it.
        gate: the gate whose approvals count; None where no action needs one.

    Raises:
        DesignError: no effects, two of one name, or a gate's condition that none of them fits.
    """

    effects: tuple[Effect, ...]
    then: Any
    gate: ApprovalGate | None = None

    writes = frozenset({"actions", "decisions", "spent", "run"})

    def __post_init__(self) -> None:
        check_way("Act(then", self.then)
        names = [effect.name for effect in self.effects]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise DesignError(f"Act: two effects are named {repeated[0]!r}")
        if self.gate is not None:
            self.gate.check_fits(self.effects)

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the node to go to when nothing is left; it also comes back to itself."""
        return targets_in(self.then)

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Run the first action that may run, and come back for the next."""
        task = current_task("act")
        waiting = self._waiting(state)
        if not waiting:
            return Command(goto=lead(self.then, state, {}))
        at, action = waiting[0]
        # An edit may have changed the key: the proposal is then closed under the key that it had.
        proposal, effect = action, None
        attempt = self._attempt(task, state)
        try:
            _refuse_after_end(action, state)
            effect = self._effect_of(action)
            yield from self._permit(action)
            action = effect.exactly(action)
            with attempt:
                action = yield from effect.perform(action, attempt)
        except GraphBubbleUp:
            raise
        except Exception as problem:
            harmless = _REFUSALS + (() if effect is None else effect.harmless)
            failure = failure_of(problem, task, step=action.key)
            known = effect is not None and effect.honours_key
            if not isinstance(problem, harmless) and not known:  # nobody knows: no retry
                failure = replace(failure, kind="denied")
            raise StepFailed(failure, _failed(at, proposal, action, attempt, failure)) from problem
        # The attempt holds more than this action where the function has called another effect.
        made = attempt.update()
        records = made["actions"] | _replaced(at, proposal, action)
        update = {"actions": records, "decisions": made["decisions"]}
        goto = task.node if len(waiting) > 1 else lead(self.then, state, update)
        return Command(goto=goto, update=update)

    def _attempt(self, task: Task, state: Mapping[str, Any]) -> Attempt:
        known, run = state.get("actions") or {}, run_of(state)
        if self.gate is None:
            return Attempt(task=task, known=known, run=run)
        # A yes is for one action: an effect that this one calls needs its own, so it is proposed.
        return Attempt(task=task, known=known, run=run, wants=self.gate.wants, gate=self.gate.name)

    def _waiting(self, state: Mapping[str, Any]) -> list[tuple[str, Action]]:
        """Give the open actions that are this node's to run."""
        mine = {effect.name for effect in self.effects}
        gates = ("", "" if self.gate is None else self.gate.name)
        # Another gate's proposals are for another Act; one that no effect here fits is refused.
        return [
            (at, action)
            for at, action in pending(state)
            if action.name in mine or action.gate in gates
        ]

    def _permit(self, action: Action) -> Logic[None]:
        if self.gate is not None:
            yield from self.gate.admit(action)
        around = current.get()
        if around is None:
            return
        # This graph is a worker's agent: that worker's contract and gate hold here as well.
        around.allow(action.name)
        if self.gate is None and (asked := around.why_asked(action)) is not None:
            raise ApprovalMissing(
                f"{action} needs approval at a gate around this graph ({asked[0]}), which cannot "
                "ask here; call the effect in a worker without Act, or give Act a gate of its own"
            )

    def _effect_of(self, action: Action) -> Effect:
        for effect in self.effects:
            if effect.name == action.name:
                return effect
        raise DesignError(
            f"Act has no effect {action.name!r}; it has "
            f"{', '.join(effect.name for effect in self.effects) or 'none'}"
        )


_REFUSALS = (
    ActionRefused,
    ApprovalMissing,
    AttemptEnded,
    BudgetExhausted,
    CircuitOpen,
    DesignError,
    Stopped,
)
"""Errors by which an action is refused before its effect has begun."""


def _refuse_after_end(action: Action, state: Mapping[str, Any]) -> None:
    """Refuse an action whose run has ended meanwhile, such as by another branch.

    Raises:
        ActionRefused: it names the action and how the run ended.
    """
    outcome = state.get("outcome") or {}
    if outcome.get("status", "done") != "done":
        why = f"its run has ended {outcome['status']}: {outcome['reason']}"
        raise ActionRefused(f"{action} is not run: {why}", why)


def _failed(
    at: str, proposal: Action, action: Action, attempt: Attempt, failure: Failure
) -> dict[str, Any]:
    """Give the state update of an action that was refused, or whose effect failed."""
    update = attempt.update(failed=True)
    if (action.name, action.key) in attempt.actions:
        records = _replaced(at, proposal, action)
    else:  # it was refused, or the claim was given back
        # Another runner may be at it: then it has not failed, and nobody here knows how it ends.
        status: ActionStatus = "unknown" if failure.error == EffectUnknown.__name__ else "failed"
        records = {at: plain(replace(proposal, status=status, result=failure.message))}
    update["actions"] = update.get("actions", {}) | records
    return update


def _replaced(at: str, proposal: Action, action: Action) -> dict[str, Any]:
    """Close a proposal in a state update where its action ended under another key."""
    if at in (action.key, f"{action.name}:{action.key}"):
        return {}
    closed = replace(proposal, status="rejected", result=BECAME + action.key, approval=None)
    return {at: plain(closed)}


def pending(state: Mapping[str, Any]) -> list[tuple[str, Action]]:
    """Give this run's proposed and approved actions with their keys in the state, oldest first."""
    waiting = []
    for at, item in of_this_run(state).items():
        if "again" in item:  # an action that an earlier run did, proposed once more
            waiting.append((at, read(Action, item["again"])))
        elif item["status"] in OPEN:
            waiting.append((at, read(Action, item)))
    return waiting


def proposed(*actions: Action) -> dict[str, Any]:
    """Give a state update that proposes actions; any node may return it."""
    return {"actions": {action.key: plain(action) for action in actions}}


@dataclass(frozen=True, kw_only=True)
class Undo(Node):
    """Undo what the run has done, the last action first and one a visit; end it as `aborted`.

    Args:
        effects: the effects whose `undo` it may call. An action without one stays done, and the
            outcome says so.
    """

    effects: tuple[Effect, ...]

    writes = frozenset({"actions", "decisions", "outcome", "kept", "run"})

    def logic(self, state: Mapping[str, Any]) -> Logic[Any]:
        """Undo the last action that this run has done, and come back for the one before."""
        task = current_task("undo")
        state = yield from complete(state, task)
        tried = kept(state, "undo")
        for at, action in _done_last_first(state):
            undo = next((e for e in self.effects if e.name == action.name and e.undo), None)
            mark = f"{task.path}:{at}"
            if undo is None or mark in tried:
                continue
            why_not = yield from self._take_back(undo, action, task)
            update: dict[str, Any] = {"kept": keep("undo", mark, why_not)}
            if why_not is None:
                update = {"actions": {at: plain(replace(action, status="undone"))}}
            return Command(goto=task.node, update=update)
        return self._end(task, state)

    def _take_back(self, effect: Effect, action: Action, task: Task) -> Logic[str | None]:
        """Undo one action; give None, or the reason why it could not be undone."""
        # Opened for its journal alone: an undo is no part of a budget.
        attempt = Attempt(task=task)
        if (yield from attempt.find_mode()).dry:
            return "this is a dry run, in which nothing is taken back"
        try:
            why = yield from take_back(effect, action, action.result, attempt.place, attempt.owner)
        except GraphBubbleUp:
            raise
        except Exception as problem:  # an undo may fail in any way
            if is_invalid_resume(problem):  # a bad answer to its question, which stays open
                raise
            return in_words(problem)
        return why or None

    def _end(self, task: Task, state: Mapping[str, Any]) -> dict[str, Any]:
        actions, tried = of_this_run(state), kept(state, "undo")
        last_first = sorted(actions, key=lambda at: actions[at].get("ended") or 0, reverse=True)
        undone = [at for at in last_first if actions[at]["status"] == "undone"]
        stays = [
            why
            for at, item in actions.items()
            if (why := _stays(at, item, tried.get(f"{task.path}:{at}"))) is not None
        ]
        failures = state.get("failures") or []
        why = failures[-1]["message"] if failures else "the run was aborted"
        outcome = Outcome(
            status="escalated" if stays else "aborted",
            reason="; ".join([why, *stays]),
            evidence={"undone": undone, "kept": stays},
        )
        outcome = said_dry(outcome, would) if (would := dry_actions(state)) else outcome
        decision = Decision(kind="abort", node=task.node, choice=outcome.status, reason=why)
        update = {"outcome": plain(outcome), "decisions": [plain(decision)]}
        return closed(state) | update | spoken(state, outcome.status, task)


def _done_last_first(state: Mapping[str, Any]) -> list[tuple[str, Action]]:
    """Give this run's done actions whose arguments are still on record, the last done first."""
    done = [
        (at, _whole(item))
        for at, item in of_this_run(state).items()
        if item["status"] == "done" and "arguments" in item
    ]
    return sorted(done, key=lambda pair: pair[1].ended or pair[1].at, reverse=True)


def _whole(item: Mapping[str, Any]) -> Action:
    return read(Action, {name: value for name, value in item.items() if name != "again"})


def _stays(at: str, item: Mapping[str, Any], tried: str | None) -> str | None:
    """Say why an action stays and a person must look at it after an undo, or None."""
    if item["status"] == "unknown":
        return f"{_whole(item)} may have happened ({item.get('result')})"
    if item["status"] != "done":
        return None
    if "arguments" not in item:
        return f"{at} is too far back to be undone and stays done"
    if tried is not None:
        return f"{_whole(item)} could not be undone: {tried}"
    return f"{_whole(item)} has no undo and stays done"
