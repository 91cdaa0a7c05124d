"""Failure attribution: which decision of a run was the first wrong one."""

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
from quintet.evals.row import Row
from quintet.evals.trajectory import Trajectory
from quintet.state.decision import Decision
from quintet.state.failure import Failure

Duty = Literal["planning", "routing", "handoff", "work", "tool", "approval", "recovery"]

CONTROL = ("router", "plan", "approve", "act", "finish", "person", "undo", "intake")
"""The usual names of nodes that do no work of their own."""


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """The first thing that went wrong in a run.

    Attributes:
        duty: whose it was: planning, routing, handoff, work (a worker's own), tool, approval or
            recovery.
        node: the node that decided or failed; empty where the run does not say.
        why: what was wrong, in a sentence.
        right: what would have been right, where the labels say it.
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
    """The first wrong decision of a run, by its labels and its records.

    What contradicts a label, or failed, is put in the order in which it happened, and the first is
    named: a route, a plan, a handoff whose context did not arrive or that went back and forth, a
    worker that broke its contract or its budget, a tool or effect that failed or should not have
    been called, an approval, a remedy. Where nothing on record is wrong but the end is, it is the
    last worker's: it gave a result that nothing contradicted. This is the first wrong step in the
    sense of Zhang et al. 2025 (arXiv 2505.00212), found by rule and not by a model.

    Args:
        case: with labels.
        trajectory: what the run did.

    Returns:
        The attribution; None where nothing contradicts the case.
    """
    if not trajectory.error and not wrong_labels(case, trajectory):
        return None
    found = sorted(_suspects(case, trajectory), key=lambda pair: pair[0])
    return found[0][1] if found else _silent(case, trajectory)


def _suspects(case: Case, ran: Trajectory) -> Iterator[tuple[float, Attribution]]:
    """Everything that was wrong, with the time at which it happened."""
    yield from _route(case, ran)
    yield from _plan(case, ran)
    yield from ((failure.at, _failed(failure)) for failure in ran.failures)
    yield from _approvals(case, ran)
    yield from _calls(case, ran)
    yield from _back_and_forth(ran)
    if ran.error and not ran.failures:
        last = ran.decisions[-1].at if ran.decisions else 0.0
        node = ran.path[-1] if ran.path else ""
        yield last, Attribution(duty="work", node=node, why=f"it raised {ran.error}")


def _route(case: Case, ran: Trajectory) -> Iterator[tuple[float, Attribution]]:
    decided = _first(ran, "route")
    needless = case.escalate is False and ran.escalated and not ran.failures
    if route_is_right(case, ran) is False:
        right = " or ".join(case.route or ())
        why = f"it chose {ran.route or 'nobody'}"
    elif case.route is None and needless and (decided is None or decided[1].who == "otherwise"):
        right, why = "an agent", "it abstained, and a person took over needlessly"
    else:
        return
    index, decision = decided or (None, None)
    if decision is not None and decision.reason:
        why = f"{why} ({decision.reason})"
    node = decision.node if decision is not None else "router" if "router" in ran.path else ""
    at = decision.at if decision is not None else 0.0
    yield at, Attribution(duty="routing", node=node, why=why, right=right, index=index)


def _plan(case: Case, ran: Trajectory) -> Iterator[tuple[float, Attribution]]:
    if plan_is_right(case, ran) is not False or (route_is_right(case, ran) is False):
        return
    index, decision = _first(ran, "plan") or (None, None)
    why = f"the plan was {' -> '.join(ran.plan)}" if ran.plan else "there was no plan"
    yield (
        decision.at if decision is not None else 0.0,
        Attribution(
            duty="planning",
            node=decision.node if decision is not None else "",
            why=why,
            right=" -> ".join(case.plan or ()) or "no plan",
            index=index,
        ),
    )


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


def _approvals(case: Case, ran: Trajectory) -> Iterator[tuple[float, Attribution]]:
    expected = case.outcome or ()
    for index, decision in enumerate(ran.decisions):
        if decision.kind != "approval":
            continue
        said_no = decision.by == "person" and decision.choice in ("reject", "respond")
        passed = decision.choice == "not needed"
        right = ""
        if said_no and expected and "rejected" not in expected:
            right = "approve"
        elif passed and case.approval and approval_is_right(case, ran) is False:
            right = "ask a person"
        elif not said_no and not passed and case.approval is False:
            right = "do not ask"
        elif decision.choice in ("approve", "edit") and "done" not in (expected or ("done",)):
            right = "reject"
        if right:
            why = f"{decision.who or decision.by} said {decision.choice}: {decision.reason}"
            yield (
                decision.at,
                Attribution(duty="approval", node=decision.node, why=why, right=right, index=index),
            )


def _calls(case: Case, ran: Trajectory) -> Iterator[tuple[float, Attribution]]:
    """Calls that failed, and calls that should not have been made."""
    forbidden = forbidden_uses(case, ran)
    for call in ran.calls:
        index, at, node = _when(ran, call.key, call.node)
        if call.status in ("failed", "unknown") and not ran.failures:
            why = f"{call.name} {'failed' if call.status == 'failed' else 'has an unknown end'}"
            yield at, Attribution(duty="tool", node=node, why=why, index=index)
        elif call.name in forbidden:
            why = f"it called {call.name}"
            yield (
                at,
                Attribution(
                    duty="work", node=node, why=why, right=f"leave out {call.name}", index=index
                ),
            )
        elif case.calls is not None and call.status in ("ok", "proposed"):
            if any(same_call(expected, call) for expected in case.calls):
                continue
            right = ", ".join(expected.name for expected in case.calls) or "no call"
            why = f"it called {call.name}({_given(call.arguments)})"
            yield at, Attribution(duty="work", node=node, why=why, right=right, index=index)


def _back_and_forth(ran: Trajectory) -> Iterator[tuple[float, Attribution]]:
    """A handoff back to where the request was before."""
    been: list[str] = []
    for index, decision in enumerate(ran.decisions):
        if decision.kind not in ("route", "handoff"):
            continue
        been.append(decision.node)
        if decision.kind == "handoff" and decision.choice in been:
            path = " -> ".join((*been, decision.choice))
            yield (
                decision.at,
                Attribution(
                    duty="handoff", node=decision.node, why=f"it went back: {path}", index=index
                ),
            )


def _silent(case: Case, ran: Trajectory) -> Attribution:
    """Whose fault it is where no record shows any: a remedy's, the finder of facts', a worker's."""
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
    did = f"it did not call {', '.join(missing)}" if missing else "its result was wrong"
    return Attribution(
        duty="work", node=node, why=f"{did}, and nothing on record says so", right=right
    )


def _first(ran: Trajectory, kind: str) -> tuple[int, Decision] | None:
    return next(((n, d) for n, d in enumerate(ran.decisions) if d.kind == kind), None)


def _when(ran: Trajectory, key: str, node: str) -> tuple[int | None, float, str]:
    for index, decision in enumerate(ran.decisions):
        if key and decision.kind == "effect" and decision.choice == key:
            return index, decision.at, node or decision.node
    return None, inf, node


def _given(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r:.30}" for name, value in arguments.items())


@dataclass(frozen=True, kw_only=True)
class Attributions:
    """Where the wrong runs of an evaluation went wrong first.

    Attributes:
        found: the attribution of each wrong run, with its row.
    """

    found: tuple[tuple[Row, Attribution], ...] = field(repr=False)

    @property
    def by_place(self) -> Mapping[tuple[str, str], int]:
        """How often each duty at each node was first, the most frequent first."""
        return dict(Counter((a.duty, a.node) for _, a in self.found).most_common())

    def as_data(self) -> dict[str, Any]:
        """The counts and every attribution as plain data."""
        return {
            "wrong": len(self.found),
            "by_place": [
                {"duty": duty, "node": node, "runs": number}
                for (duty, node), number in self.by_place.items()
            ],
            "runs": [{"case": row.case.id, "says": str(each)} for row, each in self.found],
        }

    def __str__(self) -> str:
        if not self.found:
            return "no run went wrong"
        lines = [f"{len(self.found)} runs went wrong; first wrong:"]
        for (duty, node), number in self.by_place.items():
            example = next((row, a) for row, a in self.found if (a.duty, a.node) == (duty, node))
            where = f"{duty} at {node or '?'}"
            lines.append(
                f"  {number:4d}  {where:24}  such as {example[0].case.id}: {example[1].why}"
            )
        return "\n".join(line[:160] for line in lines)

    __repr__ = __str__


def attributions(rows: Iterable[Row] | Any) -> Attributions:
    """Attribute every wrong run of a report, or of rows.

    Args:
        rows: a `Report`, or rows.
    """
    given = getattr(rows, "rows", rows)
    pairs = ((row, attribute(row.case, row.trajectory)) for row in given)
    return Attributions(found=tuple((row, each) for row, each in pairs if each is not None))
