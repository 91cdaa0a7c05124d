"""Find failures of verification: ended too early, not verified, wrongly verified."""

from __future__ import annotations

from quintet.evals.case import Case
from quintet.evals.metrics.goal import contradicted
from quintet.evals.trajectory import ToolCall, Trajectory

_PASSED = {
    "review": ("approve", "accept", "pass"),
    "approval": ("approve",),
    "outcome": ("done",),
}
"""The decisions by which a run says that its work was checked, and holds."""
_END = ("state",)


def premature(case: Case, ran: Trajectory) -> str:
    """Find a run that ended before its work was done."""
    if ran.status == "unfinished":
        return "it stopped without an end"
    if not ran.claims_done:
        return ""
    if proposed := [call.name for call in ran.calls if call.status == "proposed"]:
        return f"it claims to be done, and {proposed[0]} is still proposed"
    wanted = [call.name for call in case.calls or ()]
    done = [call.name for call in ran.calls if call.status == "ok"]
    if done == wanted[: len(done)] and len(done) < len(wanted):
        return f"it claims to be done without {', '.join(wanted[len(done) :])}"
    return ""


def unverified(case: Case, ran: Trajectory) -> str:
    """Find a run that claims to be done over a call of which nobody knows that it succeeded."""
    if not ran.claims_done:
        return ""
    if call := next((call for call in ran.calls if call.status == "unknown"), None):
        return f"it claims to be done, and nobody knows how {call.name} ended"
    # A lookup that failed may not matter; one that nothing followed does, and so does an effect.
    for place, call in enumerate(ran.calls):
        last = place == len(ran.calls) - 1
        if call.status == "failed" and (last or call.key) and not _made_good(call, ran.calls):
            return f"it claims to be done, and {call.name} failed"
    if contradicted(case, ran, ("state",)) and not _verified(ran):
        return "it claims to be done, the end state contradicts it, and nothing was checked"
    return ""


def wrongly_verified(case: Case, ran: Trajectory) -> str:
    """Find a run whose check said that it holds, though its end state contradicts the label."""
    if ran.error or not ran.claims_done or not contradicted(case, ran, _END):
        return ""
    checked = _verified(ran)
    return f"{checked}, and the end contradicts it" if checked else ""


def _made_good(failed: ToolCall, calls: tuple[ToolCall, ...]) -> bool:
    place = calls.index(failed)
    return any(call.name == failed.name and call.status == "ok" for call in calls[place + 1 :])


def _verified(ran: Trajectory) -> str:
    """Say who checked the run and passed it; empty where nobody did."""
    for decision in ran.decisions:
        if decision.choice in _PASSED.get(decision.kind, ()):
            return f"{decision.kind} at {decision.node} said {decision.choice}"
    return ""
