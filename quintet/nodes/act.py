"""Acting: the effects that were proposed, each once, each under its approval; and undoing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from langgraph.errors import GraphBubbleUp
from langgraph.types import Command

from quintet.nodes.approve import ApprovalGate
from quintet.nodes.classify import classify
from quintet.nodes.dispatch import Dispatch, begin, current, effect_done, end, under
from quintet.nodes.effect import Effect, refuse_repeat
from quintet.nodes.finish import closed
from quintet.nodes.node import Call, Node, Steps, place
from quintet.state.action import Action
from quintet.state.channels import DECISIONS_KEPT
from quintet.state.decision import Decision
from quintet.state.errors import ActionRefused, ApprovalMissing, DesignError
from quintet.state.failure import Failure, StepFailed
from quintet.state.outcome import Outcome
from quintet.state.record import plain, read


@dataclass(frozen=True, kw_only=True)
class Act(Node):
    """Run the actions that stand proposed or approved in the state, one a visit.

    Each is checked here, where the effect happens: an action that the gate wants a person for
    runs only under an approval of exactly this action, and none runs twice in a thread.

    Args:
        effects: the effects that it may run.
        then: the node to go to when nothing is left to do.
        gate: the gate whose approvals count; None where no action needs one.
    """

    effects: tuple[Effect, ...]
    then: str
    gate: ApprovalGate | None = None

    writes = frozenset({"actions", "decisions", "spent"})

    def __post_init__(self) -> None:
        names = [effect.name for effect in self.effects]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise DesignError(f"Act: two effects are named {repeated[0]!r}")

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Where it goes when nothing is left; it also comes back to itself."""
        return (self.then,)

    def steps(self, state: Mapping[str, Any]) -> Steps[Command[str]]:
        """Run the first action that may run, and come back for the next."""
        here = place("act")
        waiting = pending(state)
        if not waiting:
            return Command(goto=self.then)
        action = exact = waiting[0]
        dispatch = begin(Dispatch(place=here, known=state.get("actions") or {}))
        try:
            self._permit(action)
            effect = self._effect(action)
            exact = _keyed(action, effect)
            refuse_repeat(exact, dispatch.known)
            with under(dispatch):
                done = yield from effect.perform(exact, dispatch)
        except GraphBubbleUp:
            raise
        except Exception as problem:
            raise self._failed(action, exact, dispatch, problem) from problem
        end(dispatch)
        records = {done.key: plain(done), **_became(action, exact)}
        return Command(
            goto=here.node if len(waiting) > 1 else self.then,
            update={"actions": records, "decisions": [effect_done(here.node, done)]},
        )

    def _permit(self, action: Action) -> None:
        if self.gate is not None and (reason := self.gate.wants(action)) is not None:
            self.gate.check(action, reason=reason, now=time.time())
        around = current.get()
        if around is None:
            return
        around.allow(action.name)
        if self.gate is None and (reason := around.why_asked(action)) is not None:
            raise ApprovalMissing(
                f"{action} needs approval at a gate around this graph ({reason}), which cannot ask "
                "here; call the effect in a worker without Act, or give Act a gate of its own"
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
        self, action: Action, exact: Action, dispatch: Dispatch, problem: Exception
    ) -> StepFailed:
        here = dispatch.place
        harmless = self._harmless(action, problem)
        failure = Failure(
            node=here.node,
            kind=classify(problem) if harmless else "denied",
            error=type(problem).__name__,
            message=str(problem)[:500],
            step=action.key,
            attempts=here.attempt,
        )
        update = dispatch.update(failed=True)
        begun = exact.key in dispatch.actions
        ended = replace(action, status="failed", result=failure.message)
        mine = _became(action, exact) if begun else {action.key: plain(ended)}
        update["actions"] = update.get("actions", {}) | mine
        return StepFailed(failure, update)

    def _harmless(self, action: Action, problem: Exception) -> bool:
        known = (ActionRefused, ApprovalMissing, DesignError)
        for effect in self.effects:
            if effect.name == action.name:
                known += effect.harmless  # type: ignore[assignment]
        return isinstance(problem, known)


def _keyed(action: Action, effect: Effect) -> Action:
    """An edited action under the key of what it has become."""
    if action.approval is None or action.approval.answer != "edit":
        return action
    return replace(action, key=effect.action(**action.arguments).key)


def _became(action: Action, exact: Action) -> dict[str, Any]:
    """The record of an action that an edit has given another key."""
    if action.key == exact.key:
        return {}
    became = replace(action, status="rejected", result=f"edited, became {exact.key}")
    return {action.key: plain(became)}


def pending(state: Mapping[str, Any]) -> list[Action]:
    """The actions in the state that stand proposed or approved, oldest first."""
    waiting = []
    for key, item in (state.get("actions") or {}).items():
        # It happens once under the key by which the state knows it, whatever stands inside.
        if "again" in item:
            waiting.append(read(Action, {**item["again"], "key": key}))
        elif item["status"] in ("proposed", "approved"):
            waiting.append(read(Action, {**item, "key": key}))
    return waiting


def proposed(*actions: Action) -> dict[str, Any]:
    """A state update that proposes actions; any node may return it."""
    return {"actions": {action.key: plain(action) for action in actions}}


def _done_in_this_run(state: Mapping[str, Any]) -> list[tuple[str, Action]]:
    """The actions that this run has done and of which enough is on record, last first."""
    whole = {k: i for k, i in (state.get("actions") or {}).items() if "arguments" in i}
    keys = [d["choice"] for d in state.get("decisions") or () if d["kind"] == "effect"]
    done = [key for key in reversed(keys) if whole.get(key, {}).get("status") == "done"]
    return [(key, read(Action, whole[key])) for key in dict.fromkeys(done)]


def _beyond_reach(state: Mapping[str, Any]) -> list[str]:
    """What may have happened, or is too far back to be undone; a person must look."""
    actions, decisions = state.get("actions") or {}, state.get("decisions") or ()
    keys = {d["choice"] for d in decisions if d["kind"] == "effect"}
    full = len(decisions) >= DECISIONS_KEPT
    kept = []
    for key, item in actions.items():
        if item["status"] == "unknown":
            kept.append(f"{read(Action, item)} may have happened ({item.get('result')})")
        elif item["status"] == "done" and key in keys and "arguments" not in item:
            kept.append(f"{key} is too far back to be undone and stays done")
        elif item["status"] == "done" and key not in keys and full:
            kept.append(f"{key} was done before what the record of this run still holds")
    return kept


@dataclass(frozen=True, kw_only=True)
class Undo(Node):
    """Take back what the run has done, last first, and end it as `aborted`.

    Args:
        effects: the effects whose `undo` it may call. An action without one stays done, and the
            outcome says so.
    """

    effects: tuple[Effect, ...]

    writes = frozenset({"actions", "decisions", "outcome"})

    def steps(self, state: Mapping[str, Any]) -> Steps[dict[str, Any]]:
        """Undo every action that this run has done."""
        here = place("undo")
        undone: dict[str, Any] = {}
        kept = _beyond_reach(state)
        for key, action in _done_in_this_run(state):
            effect = next((e for e in self.effects if e.name == action.name and e.undo), None)
            if effect is None or effect.undo is None:
                kept.append(f"{action} has no undo and stays done")
                continue
            try:
                yield Call(effect.undo, (action.result,), blocks=True)
            except GraphBubbleUp:
                raise
            except Exception as problem:  # noqa: BLE001 - an undo may fail in any way
                kept.append(f"{action} could not be undone: {problem}")
                continue
            undone[key] = plain(replace(action, status="undone"))
        failures = state.get("failures") or []
        why = failures[-1]["message"] if failures else "the run was aborted"
        outcome = Outcome(
            status="escalated" if kept else "aborted",
            reason="; ".join([why, *kept]),
            evidence={"undone": list(undone), "kept": kept},
        )
        decision = Decision(kind="abort", node=here.node, choice=outcome.status, reason=why)
        actions = closed(state).get("actions", {}) | undone
        return {"actions": actions, "outcome": plain(outcome), "decisions": [plain(decision)]}
