"""The ends of a run: an outcome on evidence, or a packet for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from quintet.nodes.approve import refused
from quintet.nodes.node import Node, Steps, brief, is_async, name_of, place, values
from quintet.nodes.route import path_of
from quintet.state.decision import Decision
from quintet.state.errors import DesignError
from quintet.state.outcome import Outcome, Status
from quintet.state.record import plain

Criterion = Callable[[Mapping[str, Any]], bool | str | None]
"""A criterion on the final state: True where it holds, else False or what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Finish(Node):
    """Write the outcome of the run. `done` is written only where the state holds the evidence.

    Evidence is a result that met its contract and no action left open; further criteria on the
    final state may be given. What a person refused ends as `rejected`, and so does what a worker
    refused within its authority: a result with a non-empty `refused` says why. What claims to be
    done and is not ends as `escalated`, with what does not hold.

    Args:
        success: criteria on the final state; all must hold for `done`.

    Raises:
        DesignError: an async criterion, which nothing would await.
    """

    success: tuple[Criterion, ...] = ()

    writes = frozenset({"outcome", "actions", "decisions"})

    def __post_init__(self) -> None:
        if late := [name_of(criterion) for criterion in self.success if is_async(criterion)]:
            raise DesignError(f"Finish: criterion {late[0]} is async; give a plain function")

    def steps(self, state: Mapping[str, Any]) -> Steps[dict[str, Any]]:
        """Judge the state and write the outcome."""
        return self._judge(state)
        yield  # it waits for nothing, and is a generator like every node's steps

    def _judge(self, state: Mapping[str, Any]) -> dict[str, Any]:
        # A `done` that is there already is of a graph before this one, and says nothing of this.
        if (state.get("outcome") or {}).get("status", "done") != "done":
            return {}
        outcome = _refused(state) or self._unproven(state) or self._done(state)
        return closed(state) | ended(outcome, place("finish").node)

    def _unproven(self, state: Mapping[str, Any]) -> Outcome | None:
        actions = (state.get("actions") or {}).values()
        left = [item for item in actions if item["status"] in ("proposed", "approved", "unknown")]
        wrong = [f"action {item['key']} is {item['status']}" for item in left]
        if not state.get("results"):
            wrong.append("no worker gave a result")
        wrong += [why for criterion in self.success if (why := _unmet(criterion, state))]
        if not wrong:
            return None
        return Outcome(
            status="escalated",
            reason=f"not done: {'; '.join(wrong)}",
            evidence={"packet": packet(state)},
        )

    def _done(self, state: Mapping[str, Any]) -> Outcome:
        results = sorted(state.get("results") or {})
        effects = _effects(state)
        held = [name_of(criterion) for criterion in self.success]
        reason = f"{', '.join(results)} met the contract"
        if effects:
            reason += f"; done: {', '.join(effects)}"
        evidence = {"results": results, "effects": effects, "criteria": held}
        return Outcome(status="done", reason=reason, evidence=evidence)


def hand_over(state: Any) -> dict[str, Any]:
    """End the run as `escalated`: a person takes over, with a packet that says what was tried.

    A run that ends because a budget is used up ends as `exhausted`.
    """
    known = values(state)
    why, spent_up = _why(known)
    status: Status = "exhausted" if spent_up else "escalated"
    reason = brief(why, 300) or "a person was asked for"
    outcome = Outcome(status=status, reason=reason, evidence={"packet": packet(known)})
    return closed(known) | ended(outcome, place("person").node)


_ASKS = ("escalation", "route", "handoff", "replan", "merge")


def _why(state: Mapping[str, Any]) -> tuple[str, bool]:
    """Why a person is asked, by the last thing that led here, and whether a budget is used up."""
    said = [d for d in state.get("decisions") or () if d["kind"] in _ASKS]
    failure = next(iter((state.get("failures") or ())[-1:]), None)
    if failure is not None and not failure.get("remedy", "").startswith(("fallback", "replan")):
        spent_up = failure["error"] == "BudgetExhausted"
        if not said or said[-1]["node"] == failure["node"]:
            return failure["message"], spent_up
        return said[-1]["reason"], spent_up
    if said:
        return said[-1]["reason"], said[-1]["who"] == "budget"
    return "a person was asked for", False


def packet(state: Mapping[str, Any]) -> dict[str, Any]:
    """What a person needs to take over: the request, the path, what was tried, what is open."""
    actions = (state.get("actions") or {}).values()
    return {
        "request": brief(state.get("message", ""), 500),
        "path": path_of(state.get("decisions") or ()),
        "tried": [
            f"{f['node']}: {f['kind']}: {brief(f['message'])}" for f in state.get("failures") or ()
        ],
        "done": [i["key"] for i in actions if i["status"] == "done"],
        "open": [i["key"] for i in actions if i["status"] not in ("done", "undone")],
        "results": dict(state.get("results") or {}),
    }


def closed(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state update by which what stands open when a run ends is not done by the thread's next."""
    update = {}
    for key, item in (state.get("actions") or {}).items():
        if "again" in item or item["status"] in ("proposed", "approved"):
            why = {"status": "failed", "result": "not done: its run ended before"}
            update[key] = {**item.get("again", item), **why}
    return {"actions": update} if update else {}


def ended(outcome: Outcome, node: str) -> dict[str, Any]:
    """The state update of an outcome, with its decision record."""
    decision = Decision(kind="outcome", node=node, choice=outcome.status, reason=outcome.reason)
    return {"outcome": plain(outcome), "decisions": [plain(decision)]}


def _refused(state: Mapping[str, Any]) -> Outcome | None:
    """The outcome where a person or a worker said no to any part of what was asked."""
    results = state.get("results") or {}
    declined = {
        name: result["refused"]
        for name, result in results.items()
        if isinstance(result, Mapping) and result.get("refused")
    }
    said_no = [
        f"{d['who']} said {d['choice']} to {d['seen']}: {d['reason']}" for d in refused(state)
    ]
    reasons = [*said_no, *(f"{name} refused: {why}" for name, why in declined.items())]
    if not reasons:
        return None
    done = _effects(state)
    if done:
        reasons.append(f"done all the same: {', '.join(done)}")
    return Outcome(
        status="rejected", reason="; ".join(reasons), evidence={"refused": declined, "done": done}
    )


def _unmet(criterion: Criterion, state: Mapping[str, Any]) -> str | None:
    """What is wrong by a criterion. One that cannot be judged does not hold: the run still ends."""
    try:
        said = criterion(state)
    except Exception as problem:  # noqa: BLE001 - a user's criterion may raise anything
        said = f"{type(problem).__name__}: {problem}"
    if said is True or said is None:
        return None
    return f"{name_of(criterion)}: {said or 'does not hold'}"


def _effects(state: Mapping[str, Any]) -> list[str]:
    """The keys of the effects that this run has done."""
    decisions = state.get("decisions") or ()
    keys = [d["choice"] for d in decisions if d["kind"] == "effect" and d["choice"] != "refused"]
    return list(dict.fromkeys(keys))
