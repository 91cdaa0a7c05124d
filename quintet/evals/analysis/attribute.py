"""Attribute a wrong run to its first wrong decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

from quintet.evals.case import Case
from quintet.evals.expected import (
    approval_is_right,
    forbidden_uses,
    plan_is_right,
    route_is_right,
    same_call,
    wrong_labels,
)
from quintet.evals.items import items_in
from quintet.evals.reading.harvest import ABSTAINED
from quintet.evals.row import Row
from quintet.evals.trajectory import Trajectory
from quintet.state.decision import Decision
from quintet.state.failure import Failure

Duty = Literal["planning", "routing", "handoff", "work", "tool", "approval", "recovery"]

CONTROL = ("router", "plan", "approve", "act", "finish", "person", "undo", "intake")
"""The usual names of nodes that do no work of their own."""


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """The first wrong decision or failure in a run.

    Attributes:
        duty: the duty that it belongs to: planning, routing, handoff, work (a worker's own), tool,
            approval or recovery.
        node: the node that decided or failed; empty where the run does not say.
        why: the mistake, in a sentence.
        right: the right decision, where the labels say it.
        index: the decision's place in `Trajectory.decisions`; None where it left no record there.
    """

    duty: Duty
    node: str
    why: str
    right: str = ""
    index: int | None = None

    def __str__(self) -> str:
        where = f" at {self.node}" if self.node else ""
        instead = f"; right: {self.right}" if self.right else ""
        return f"{self.duty}{where}: {self.why}{instead}"


def attribute(case: Case, trajectory: Trajectory) -> Attribution | None:
    """Find the first wrong decision of a run, by its labels and its records.

    All that contradicts a label, or failed, is put in the order in which it happened, and the first
    is named: a route, a plan, a handoff whose context did not arrive or that went back and forth, a
    worker that broke its contract or its budget, a tool or effect that failed or should not have
    been called, an approval, a remedy. Where no record is wrong but the end is, the last worker is
    named: it gave a result that nothing contradicted. This is the first wrong step in the sense of
    Zhang et al. 2025 (arXiv 2505.00212), found by rule and not by a model.

    Args:
        case: with labels.
        trajectory: the run's records.

    Returns:
        The attribution; None where nothing contradicts the case.
    """
    if not trajectory.error and not wrong_labels(case, trajectory):
        return None
    # By time alone: mistakes of one moment stay in the order of `_mistakes`.
    mistakes = sorted(_mistakes(case, trajectory), key=lambda mistake: mistake[0])
    return mistakes[0][1] if mistakes else _unrecorded_mistake(case, trajectory)


def _mistakes(case: Case, ran: Trajectory) -> Iterator[tuple[float, Attribution]]:
    """Give every mistake in a run, with the time at which it happened."""
    yield from _wrong_route(case, ran)
    yield from _wrong_plan(case, ran)
    yield from ((failure.at, _failed(failure)) for failure in ran.failures)
    yield from _wrong_approvals(case, ran)
    yield from _wrong_calls(case, ran)
    yield from _returned_handoffs(ran)
    if ran.error and not ran.failures:
        last = ran.decisions[-1].at if ran.decisions else 0.0
        node = ran.path[-1] if ran.path else ""
        yield last, Attribution(duty="work", node=node, why=f"it raised {ran.error}")


def _wrong_route(case: Case, ran: Trajectory) -> Iterator[tuple[float, Attribution]]:
    decided = _first(ran, "route")
    # After a failure, handing over to a person is no mistake of the router.
    needless = case.escalate is False and ran.escalated and not ran.failures
    if route_is_right(case, ran) is False:
        right = " or ".join(case.route or ())
        why = f"it chose {ran.route or 'nobody'}"
    elif case.route is None and needless and (decided is None or decided[1].who == ABSTAINED):
        right, why = "an agent", "it abstained, and a person took over needlessly"
    else:
        return
    index, decision = decided or (None, None)
    if decision is not None and decision.reason:
        why = f"{why} ({decision.reason})"
    node = decision.node if decision is not None else "router" if "router" in ran.path else ""
    at = decision.at if decision is not None else 0.0
    yield at, Attribution(duty="routing", node=node, why=why, right=right, index=index)


def _wrong_plan(case: Case, ran: Trajectory) -> Iterator[tuple[float, Attribution]]:
    # On a wrong route the plan follows from the route's mistake.
    if plan_is_right(case, ran) is not False or route_is_right(case, ran) is False:
        return
    index, decision = _first(ran, "plan") or (None, None)
    node, at = (decision.node, decision.at) if decision is not None else ("", 0.0)
    why = f"the plan was {' -> '.join(ran.plan)}" if ran.plan else "there was no plan"
    right = " -> ".join(case.plan or ()) or "no plan"
    yield at, Attribution(duty="planning", node=node, why=why, right=right, index=index)


_TOOL_ERRORS = (
    "ToolRefused",
    "ActionRefused",
    "EffectUnknown",
    "EffectRepeated",
    "ApprovalMissing",
)


def _failed(failure: Failure) -> Attribution:
    if failure.error == "HandoffLoop":
        duty: Duty = "routing"
    elif failure.kind == "contract" and failure.error != "PersonNeeded":
        duty = "handoff"
    elif failure.error in _TOOL_ERRORS or failure.node == "act":
        duty = "tool"
    elif failure.node == "router":
        duty = "routing"
    else:
        duty = "planning" if failure.node == "plan" else "work"
    return Attribution(duty=duty, node=failure.node, why=f"{failure.error}: {failure.message}")


def _wrong_approvals(case: Case, ran: Trajectory) -> Iterator[tuple[float, Attribution]]:
    expected = case.outcome or ()
    for index, decision in enumerate(ran.decisions):
        if decision.kind != "approval":
            continue
        refused = decision.by == "person" and decision.choice in ("reject", "respond")
        passed = decision.choice == "not needed"
        right = ""
        if refused and expected and "rejected" not in expected:
            right = "approve"
        elif passed and case.approval and approval_is_right(case, ran) is False:
            right = "ask a person"
        elif not refused and not passed and case.approval is False:
            right = "do not ask"
        elif decision.choice in ("approve", "edit") and "done" not in (expected or ("done",)):
            right = "reject"
        if right:
            node = decision.node
            why = f"{decision.who or decision.by} said {decision.choice}: {decision.reason}"
            attribution = Attribution(duty="approval", node=node, why=why, right=right, index=index)
            yield decision.at, attribution


def _wrong_calls(case: Case, ran: Trajectory) -> Iterator[tuple[float, Attribution]]:
    """Give the calls that failed, and those that should not have been made."""
    forbidden = forbidden_uses(case, ran)
    for call in ran.calls:
        index, at, node = _effect_decision(ran, call.key, call.node)
        # A failure on record names the failed call already, with its time.
        if call.status in ("failed", "unknown") and not ran.failures:
            why = f"{call.name} {'failed' if call.status == 'failed' else 'has an unknown end'}"
            yield at, Attribution(duty="tool", node=node, why=why, index=index)
        elif call.name in forbidden:
            why, right = f"it called {call.name}", f"leave out {call.name}"
            yield at, Attribution(duty="work", node=node, why=why, right=right, index=index)
        elif case.calls is not None and call.status in ("ok", "proposed"):
            if any(same_call(expected, call) for expected in case.calls):
                continue
            right = ", ".join(expected.name for expected in case.calls) or "no call"
            why = f"it called {call.name}({_listed(call.arguments)})"
            yield at, Attribution(duty="work", node=node, why=why, right=right, index=index)


def _returned_handoffs(ran: Trajectory) -> Iterator[tuple[float, Attribution]]:
    """Give the handoffs to a node that has had the request before."""
    visited: list[str] = []
    for index, decision in enumerate(ran.decisions):
        if decision.kind not in ("route", "handoff"):
            continue
        visited.append(decision.node)
        if decision.kind == "handoff" and decision.choice in visited:
            node, why = decision.node, f"it went back: {' -> '.join((*visited, decision.choice))}"
            yield decision.at, Attribution(duty="handoff", node=node, why=why, index=index)


def _unrecorded_mistake(case: Case, ran: Trajectory) -> Attribution:
    """Blame the first remedy where no record shows a mistake, or else the last worker."""
    missing = [
        expected.name
        for expected in case.calls or ()
        if not any(same_call(expected, call) for call in ran.calls)
    ]
    right = f"call {', '.join(missing)}" if missing else ""
    for index, decision in enumerate(ran.decisions):
        if decision.kind in ("fallback", "replan", "abort"):
            return Attribution(
                duty="recovery",
                node=decision.node,
                why=f"{decision.kind} to {decision.choice} led to a wrong end",
                right=right,
                index=index,
            )
    working = [name for name in ran.path if name not in CONTROL]
    node = working[-1] if working else (ran.path[-1] if ran.path else "")
    fault = f"it did not call {', '.join(missing)}" if missing else "its result was wrong"
    why = f"{fault}, and nothing on record says so"
    return Attribution(duty="work", node=node, why=why, right=right)


def _first(ran: Trajectory, kind: str) -> tuple[int, Decision] | None:
    return next(((n, d) for n, d in enumerate(ran.decisions) if d.kind == kind), None)


def _effect_decision(ran: Trajectory, key: str, node: str) -> tuple[int | None, float, str]:
    """Look up the record of an effect by its key: its index, its time and its node."""
    for index, decision in enumerate(ran.decisions):
        if key and decision.kind == "effect" and decision.choice == key:
            return index, decision.at, node or decision.node
    # Without a time a call comes last: any recorded mistake is blamed before it.
    return None, inf, node


def _listed(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r:.30}" for name, value in arguments.items())


@dataclass(frozen=True, kw_only=True)
class Attributions:
    """The attributions of an evaluation's wrong runs.

    Attributes:
        found: the attribution of each wrong run, with its row.
    """

    found: tuple[tuple[Row, Attribution], ...] = field(repr=False)

    @property
    def by_place(self) -> Mapping[tuple[str, str], int]:
        """Count the first mistakes by duty and node, the most frequent first."""
        return dict(Counter((a.duty, a.node) for _, a in self.found).most_common())

    def as_data(self) -> dict[str, Any]:
        """Return the counts and every attribution as plain data."""
        return {
            "wrong": len(self.found),
            "by_place": [
                {"duty": duty, "node": node, "runs": number}
                for (duty, node), number in self.by_place.items()
            ],
            "runs": [{"case": row.case.id, "says": str(a)} for row, a in self.found],
        }

    def __str__(self) -> str:
        if not self.found:
            return "no run went wrong"
        lines = [f"{len(self.found)} runs went wrong; first wrong:"]
        for (duty, node), number in self.by_place.items():
            row, first = next((row, a) for row, a in self.found if (a.duty, a.node) == (duty, node))
            where = f"{duty} at {node or '?'}"
            lines.append(f"  {number:4d}  {where:24}  such as {row.case.id}: {first.why}")
        return "\n".join(line[:160] for line in lines)

    __repr__ = __str__


def attributions(rows: Iterable[Row] | Any) -> Attributions:
    """Attribute every wrong run of a report, or of rows.

    Args:
        rows: a `Report`, or rows.
    """
    rows = items_in(getattr(rows, "rows", rows), "attributions(rows=...)", Row)
    pairs = ((row, attribute(row.case, row.trajectory)) for row in rows)
    return Attributions(found=tuple((row, first) for row, first in pairs if first is not None))
