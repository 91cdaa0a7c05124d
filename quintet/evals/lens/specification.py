"""Find failures of specification: of the task, of a role, of what was done, of when to end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from quintet.evals.case import Case
from quintet.evals.expected import forbidden_uses, holds_in
from quintet.evals.metrics.handoff import broken_needs
from quintet.evals.metrics.planning import refused_drafts
from quintet.evals.trajectory import ToolCall, Trajectory

POLLS = 3
"""From this many equal calls on they are a repetition, whatever happened between them."""
_ENDLESS = ("BudgetExhausted", "HandoffLoop", "GraphRecursionError", "RecursionError")


def disobeyed_task(case: Case, ran: Trajectory) -> str:
    """Find what the task forbids, a broken contract, or a call with other arguments than asked."""
    if used := forbidden_uses(case, ran):
        return f"did what it must not: {', '.join(used)}"
    drafts = refused_drafts(ran)
    for failure in ran.failures:
        broken = failure.error == "ContractBroken" and failure not in drafts
        if broken and not broken_needs(failure):
            return f"{failure.node} broke its contract: {failure.message:.100}"
    return next(_altered(case, ran), "")


def disobeyed_role(_: Case, ran: Trajectory) -> str:
    """Find a tool that an agent called and may not use; one that a person refused is another."""
    answered = [item.seen.partition("(")[0] for item in ran.decisions if item.kind == "approval"]
    for call in ran.calls:
        if call.status == "refused" and call.name not in (*ran.asked, *answered):
            return f"{call.node or 'an agent'} called {call.name}, which it may not use"
    refused = next((item for item in ran.failures if item.error == "ToolRefused"), None)
    return f"{refused.node}: {refused.message:.100}" if refused else ""


def repeated_step(_: Case, ran: Trajectory) -> str:
    """Find a call that was made again although it had succeeded, and nothing had changed.

    Nothing has changed where no other call succeeded in between. With `POLLS` equal calls it counts
    whatever happened in between, as does an effect that is done twice under one key.
    """
    before: ToolCall | None = None
    seen: list[ToolCall] = []
    for call in (call for call in ran.calls if call.status == "ok"):
        same = [item for item in seen if _same(item, call)]
        if call.key and any(item.key == call.key for item in seen):
            return f"the effect {call.key} was done twice"
        if same and (len(same) + 1 >= POLLS or (before is not None and _same(before, call))):
            return f"{call.name} was called {len(same) + 1} times with the same arguments"
        before = call
        seen.append(call)
    return ""


def lost_history(_: Case, ran: Trajectory) -> str:
    """Find a question that was asked again, though it had been answered or needed nobody."""
    asked = Counter(
        (decision.node, decision.reason.strip().casefold())
        for decision in ran.decisions
        if decision.kind == "question" and decision.reason.strip()
    )
    if again := next((key for key, times in asked.items() if times > 1), None):
        return f"{again[0]} asked again: {again[1]:.100}"
    given = [item for item in ran.decisions if item.kind == "answer" and item.choice == "given"]
    told = Counter((item.node, item.reason.partition(":")[0].strip()) for item in given)
    twice = next((key for key, times in told.items() if times > 1 and key[1]), None)
    return f"{twice[0]} asked again: {twice[1]:.100}" if twice else ""


def unaware_of_end(_: Case, ran: Trajectory) -> str:
    """Find a run that went on until a limit ended it."""
    failure = next((item for item in ran.failures if item.error in _ENDLESS), None)
    if failure is not None:
        return f"{failure.error} at {failure.node}: {failure.message:.100}"
    if ran.status == "exhausted":
        return f"ended by its limit{f': {ran.reason:.100}' if ran.reason else ''}"
    return f"{ran.error:.100}" if ran.error.startswith(_ENDLESS) else ""


def _same(one: ToolCall, other: ToolCall) -> bool:
    return one.name == other.name and dict(one.arguments) == dict(other.arguments)


def _altered(case: Case, ran: Trajectory) -> Iterator[str]:
    """Give the expected calls that were made, and only with other arguments."""
    real = [call for call in ran.calls if call.status in ("ok", "proposed")]
    for wanted in case.calls or ():
        made = [call for call in real if call.name == wanted.name]
        if made and not any(holds_in(wanted.arguments, call.arguments) for call in made):
            yield f"{wanted.name} got {dict(made[0].arguments)!r:.60}"
