"""Compare a run with the labels of its case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from quintet.evals.case import Case
from quintet.evals.trajectory import ToolCall, Trajectory
from quintet.state.record import plain


def route_is_right(case: Case, trajectory: Trajectory) -> bool | None:
    """Say whether the route is one of the acceptable ones; None without a label."""
    return None if case.route is None else trajectory.route in case.route


def plan_is_right(case: Case, trajectory: Trajectory) -> bool | None:
    """Say whether the plan names the expected assignees in order; None without a label."""
    return None if case.plan is None else trajectory.plan == case.plan


def calls_are_right(case: Case, trajectory: Trajectory) -> bool | None:
    """Say whether the calls done or proposed are those expected, in order; None without a label."""
    if case.calls is None:
        return None
    real = made_calls(trajectory)
    pairs = zip(case.calls, real, strict=False)
    return len(real) == len(case.calls) and all(meets(*pair) for pair in pairs)


def made_calls(trajectory: Trajectory) -> list[ToolCall]:
    """List the calls that count as made: done, proposed, or of unknown end, as they may be done."""
    return [call for call in trajectory.calls if call.status in ("ok", "proposed", "unknown")]


def meets(expected: ToolCall, real: ToolCall) -> bool:
    """Say whether a call is the expected one, and is known to have been made."""
    return real.status != "unknown" and same_call(expected, real)


def same_call(expected: ToolCall, real: ToolCall) -> bool:
    """Say whether a call has the expected name, and the arguments that the label gives."""
    return expected.name == real.name and holds_in(expected.arguments, real.arguments)


def path_is_right(case: Case, trajectory: Trajectory) -> bool | None:
    """Say whether the run went through exactly the expected nodes; None without a label."""
    return None if case.path is None else trajectory.path == case.path


def outcome_is_right(case: Case, trajectory: Trajectory) -> bool | None:
    """Say whether the outcome is one of the acceptable ones; None without a label."""
    return None if case.outcome is None else trajectory.status in case.outcome


def escalation_is_right(case: Case, trajectory: Trajectory) -> bool | None:
    """Say whether a person took over if and only if expected; None without a label."""
    return None if case.escalate is None else trajectory.escalated == case.escalate


def approval_is_right(case: Case, trajectory: Trajectory) -> bool | None:
    """Say whether a person was asked for a yes if and only if expected; None without a label."""
    return None if case.approval is None else bool(trajectory.asked) == case.approval


def avoids_forbidden(case: Case, trajectory: Trajectory) -> bool | None:
    """Say whether nothing of `Case.never` occurred; None without a label."""
    return None if not case.never else not forbidden_uses(case, trajectory)


def forbidden_uses(case: Case, trajectory: Trajectory) -> tuple[str, ...]:
    """Name what occurred of `Case.never`: tools that ran, nodes on the path."""
    # A call of unknown end may have happened, and counts as if it had.
    tools = {call.name for call in trajectory.calls if call.status in ("ok", "unknown")}
    return tuple(name for name in case.never if name in tools or name in trajectory.path)


def state_is_right(case: Case, trajectory: Trajectory) -> bool | None:
    """Say whether the end state holds the expected keys and values; None without a label."""
    return None if not case.state else holds_in(case.state, trajectory.state)


def holds_in(expected: Any, real: Any) -> bool:
    """Say whether a value holds the expected one: mappings key by key, all else by equality."""
    if isinstance(expected, Mapping):
        return isinstance(real, Mapping) and all(
            key in real and holds_in(value, real[key]) for key, value in expected.items()
        )
    # As JSON, as states are kept: a tuple and a list of the same items are equal.
    return bool(plain(expected) == plain(real))


CHECKS: Mapping[str, Callable[[Case, Trajectory], bool | None]] = {
    "route": route_is_right,
    "plan": plan_is_right,
    "calls": calls_are_right,
    "path": path_is_right,
    "outcome": outcome_is_right,
    "escalate": escalation_is_right,
    "approval": approval_is_right,
    "never": avoids_forbidden,
    "state": state_is_right,
}
"""By label, the function that checks a run. `answer` has none: a judge looks at it."""


def wrong_labels(case: Case, trajectory: Trajectory) -> tuple[str, ...]:
    """Name the labels that a run contradicts; all of the case's, where the target raised."""
    if trajectory.error:
        return tuple(name for name in case.expects if name in CHECKS)
    return tuple(name for name, check in CHECKS.items() if check(case, trajectory) is False)


def contradictions(case: Case, trajectory: Trajectory) -> tuple[str, ...]:
    """Say what is wrong with a run, in one sentence a label; empty where nothing is."""
    if trajectory.error:
        return (f"it raised {trajectory.error}",)
    return tuple(_sentence(name, case, trajectory) for name in wrong_labels(case, trajectory))


def _sentence(name: str, case: Case, trajectory: Trajectory) -> str:
    if name == "never":
        return f"did what it must not: {', '.join(forbidden_uses(case, trajectory))}"
    if name == "state":
        return "; ".join(_differences(case.state or {}, trajectory.state))
    if name == "escalate":
        return "went to a person needlessly" if trajectory.escalated else "should go to a person"
    if name == "approval":
        asked = ", ".join(trajectory.asked)
        return f"asked needlessly about {asked}" if asked else "should ask for a yes"
    real: Mapping[str, Any] = {
        "route": trajectory.route or "nobody",
        "plan": trajectory.plan,
        "calls": tuple(map(_call_shown, trajectory.calls)),
        "path": trajectory.path,
        "outcome": trajectory.status,
    }
    expected = tuple(getattr(item, "name", item) for item in getattr(case, name))
    choice = " or " if name in ("route", "outcome") else " -> "
    return f"{name} {_shown(real[name])}, expected {choice.join(expected) or 'none'}"


def _call_shown(call: ToolCall) -> str:
    return f"{call.name} (end unknown)" if call.status == "unknown" else call.name


def _shown(value: str | Sequence[str] | None) -> str:
    if value is None or isinstance(value, str):
        return value or "none"
    return " -> ".join(value) or "none"


def _differences(expected: Mapping[str, Any], real: Mapping[str, Any]) -> Iterator[str]:
    for key, value in expected.items():
        if key not in real:
            yield f"state lacks {key}"
        elif not holds_in(value, real[key]):
            yield f"state {key} is {real[key]!r:.60}, expected {value!r:.60}"
