"""Find failures between agents: resets, questions not asked, what was withheld or ignored."""

from __future__ import annotations

from collections.abc import Iterator

from quintet.evals.case import Case
from quintet.evals.expected import path_is_right
from quintet.evals.metrics.handoff import broken_needs, holders
from quintet.evals.trajectory import ToolCall, Trajectory
from quintet.state.decision import Decision

RESET = 2
"""The number of calls with which a run must begin anew to count as reset."""
_YES = ("approve", "accept", "pass", "not needed")
_NO = ("reject", "revise", "respond")
_ANEW = ("retry", "fallback", "replan", "escalation")


def reset(_: Case, ran: Trajectory) -> str:
    """Find a run that begins anew: by the route for the same text, or by its first calls."""
    routes: list[Decision] = []
    for decision in ran.decisions:
        if decision.kind in _ANEW:
            routes = []  # a remedy may send the same text again
        if decision.kind != "route" or not decision.seen:
            continue
        if any(_same_route(item, decision) for item in routes):
            return f"{decision.node} sent the same text to {decision.choice} again"
        routes.append(decision)
    calls = [(call.name, dict(call.arguments)) for call in ran.calls if call.status == "ok"]
    first = calls[:RESET]
    if len(first) == RESET and first[0] != first[1]:
        for place in range(RESET, len(calls) - RESET + 1):
            if calls[place : place + RESET] == first:
                return f"began anew with {' -> '.join(name for name, _ in first)}"
    return ""


def did_not_ask(case: Case, ran: Trajectory) -> str:
    """Find a run that lacked what only the user could give, and did not ask for it."""
    if ran.status in ("asked", "waiting", "escalated") or ran.escalated:
        return ""
    if any(decision.kind == "question" for decision in ran.decisions):
        return ""
    if case.outcome and set(case.outcome) == {"asked"}:
        return f"ended {ran.status}, and should have asked"
    needs = next((item for item in ran.failures if broken_needs(item)), None)
    if needs is not None and len(holders(ran)) <= 1:
        return f"{needs.message:.100}; nobody asked"
    return ""


def derailed(case: Case, ran: Trajectory) -> str:
    """Find a run that did other things, and none of those that its case wants."""
    done = [call.name for call in ran.calls if call.status in ("ok", "proposed")]
    wanted = [call.name for call in case.calls or ()]
    if wanted and done and not set(wanted) & set(done):
        return f"called {', '.join(dict.fromkeys(done))}, and none of {', '.join(wanted)}"
    workers = set(case.plan or ())
    if workers and ran.path and ran.plan and not workers & {*ran.plan, *ran.path}:
        return f"planned {', '.join(ran.plan)}, and none of {', '.join(case.plan or ())}"
    astray = ran.path and path_is_right(case, ran) is False
    if case.path and astray and not set(case.path) & set(ran.path):
        return f"went {' -> '.join(ran.path[:6])}, and nowhere that was expected"
    return ""


def withheld(_: Case, ran: Trajectory) -> str:
    """Find an agent that passed on a task without what the next one needs."""
    chain = holders(ran)
    needs = next((item for item in ran.failures if broken_needs(item)), None)
    if needs is None:
        return ""
    left_out = next((item for item in ran.decisions if item.choice == "left out"), None)
    if left_out is not None and left_out.at <= needs.at:
        return f"{left_out.node} left out {left_out.reason:.60}; {needs.message:.60}"
    before = chain[chain.index(needs.node) - 1] if needs.node in chain[1:] else ""
    return f"{before} passed on without it: {needs.message:.100}" if before else ""


def ignored(_: Case, ran: Trajectory) -> str:
    """Find a no that was passed over: of a reviewer, or of a person."""
    return next(_ignored(ran), "")


def mismatched(_: Case, ran: Trajectory) -> str:
    """Find a decision that the run did not follow: a route, or the steps of its plan."""
    for decision in ran.decisions:
        chosen = decision.choice.split(", ")  # of a fan-out several
        if decision.kind in ("route", "handoff") and not set(chosen) & set(ran.path):
            others = [name for name in decision.candidates if name not in chosen]
            went = next((name for name in others if name in _after(ran, decision.node)), "")
            if went and not _chosen_elsewhere(ran, decision, went):
                return f"{decision.node} chose {decision.choice}, and {went} ran"
    # Of steps that run elsewhere (in threads, in the background) the path need not know.
    skipped = [name for name in ran.plan or () if ran.path and name not in ran.path]
    if ran.claims_done and skipped and set(ran.plan or ()) & set(ran.path):
        return f"the plan had {', '.join(dict.fromkeys(skipped))}, which did not run"
    return ""


def _same_route(one: Decision, other: Decision) -> bool:
    return (one.node, one.seen, one.choice) == (other.node, other.seen, other.choice)


def _ignored(ran: Trajectory) -> Iterator[str]:
    for place, decision in enumerate(ran.decisions):
        later = ran.decisions[place + 1 :]
        if decision.kind == "review" and decision.choice in _NO and ran.claims_done:
            heard = ("review", "approval", "replan", "step", "fallback", "escalation", "merge")
            if not any(item.kind in heard for item in later):
                yield f"{decision.node} said {decision.choice}, and the run ended done"
        if decision.kind == "approval" and decision.by == "person" and decision.choice in _NO:
            name = _action_of(decision)
            changed = any(item.kind == "approval" and item.choice in _YES for item in later)
            if not changed and any(_is_done(call, name) for call in ran.calls):
                yield f"{decision.who or 'a person'} said {decision.choice}, and {name} was done"


def _action_of(decision: Decision) -> str:
    """Name the action that a person was asked about, as the gate has kept it."""
    return decision.seen.partition("(")[0].strip()


def _is_done(call: ToolCall, name: str) -> bool:
    return bool(name) and call.name == name and call.status in ("ok", "unknown")


def _after(ran: Trajectory, node: str) -> tuple[str, ...]:
    return ran.path[ran.path.index(node) + 1 :] if node in ran.path else ()


def _chosen_elsewhere(ran: Trajectory, decision: Decision, name: str) -> bool:
    return any(item is not decision and name in item.choice for item in ran.decisions)
