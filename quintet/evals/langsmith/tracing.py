"""What a run decided, on its trace: metadata and tags by which LangSmith can filter."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar, cast, overload

from langsmith import traceable
from langsmith.run_helpers import get_current_run_tree
from langsmith.run_trees import RunTree

from quintet.evals.reading.harvest import harvest
from quintet.evals.trajectory import Trajectory
from quintet.runs import Run

F = TypeVar("F", bound=Callable[..., Any])

PREFIX = "quintet_"
LONG = 200
"""Characters of a text that metadata keeps."""


def annotate(run: Run | Trajectory, *, tree: RunTree | None = None) -> bool:
    """Write on a trace what its run decided.

    Metadata: `quintet_outcome`, `quintet_reason`, `quintet_route`, `quintet_confidence`,
    `quintet_tier`, `quintet_escalated`, `quintet_decisions` (one line each) and
    `quintet_failures`. Tags: `outcome:done`, `route:billing`, `tier:rules`, `escalated`. In
    LangSmith: `has(tags, "route:billing")`, or `eq(metadata_key, "quintet_tier")` with its value.

    Args:
        run: what happened: a `Run` as `start` returned it, or a trajectory.
        tree: the trace; by default the one that is open here, such as in a function under
            `langsmith.traceable`. It must be open still: a trace that has ended is on its way.

    Returns:
        Whether there was a trace to write on; without one nothing happens.
    """
    tree = tree or get_current_run_tree()
    if tree is None:
        return False
    facts = _of_run(run) if isinstance(run, Run) else _of_trajectory(run)
    tree.add_metadata({PREFIX + key: value for key, value in facts.items()})
    names = ("outcome", "route", "tier")
    tags = [f"{name}:{facts[name]}" for name in names if facts.get(name)]
    tree.add_tags([*tags, *(["escalated"] if facts["escalated"] else [])])
    return True


@overload
def traced(function: F) -> F: ...
@overload
def traced(*, name: str = "") -> Callable[[F], F]: ...
def traced(function: F | None = None, *, name: str = "") -> F | Callable[[F], F]:
    """A function that returns a `Run`, such as one that calls `start`, as a trace with its facts.

    It is `langsmith.traceable` with `annotate` on what comes out, for production as for tests:

        @traced
        def handle(message: str, thread: str) -> Run:
            return start(app, {"message": message}, thread=thread)

    Whether a trace is made at all is LangSmith's own question (`LANGSMITH_TRACING=true`); if none
    is, nothing leaves the machine. What the function returns else is passed on as it is.

    Args:
        function: plain or async.
        name: of the trace; by default the function's.
    """
    return partial(_traced, name=name) if function is None else _traced(function, name=name)


def _traced(function: F, *, name: str) -> F:
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def asking(*given: Any, **named: Any) -> Any:
            return _annotated(await function(*given, **named))

        inner: Any = asking
    else:

        @wraps(function)
        def calling(*given: Any, **named: Any) -> Any:
            return _annotated(function(*given, **named))

        inner = calling
    label = name or getattr(function, "__name__", "run")
    return cast(F, traceable(name=label, process_outputs=_shown)(inner))


def _annotated(made: Any) -> Any:
    if isinstance(made, Run | Trajectory):
        annotate(made)
    return made


def _shown(made: Any) -> dict[str, Any]:
    """What a trace keeps of the result: a run holds its whole graph, which is no output."""
    if isinstance(made, Run):
        return {"status": made.status, "thread": made.thread, "path": list(made.path)}
    return made if isinstance(made, dict) else {"output": made}


def _of_run(run: Run) -> dict[str, Any]:
    read = harvest(
        run.values,
        path=run.path,
        status=run.status,
        reason="" if run.outcome is None else run.outcome.reason,
        waiting=[item.packet for item in run.waiting],
    )
    return _of_trajectory(read)


def _of_trajectory(trajectory: Trajectory) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "outcome": trajectory.status,
        "reason": trajectory.reason[:LONG],
        "route": trajectory.route,
        "confidence": trajectory.confidence,
        "tier": trajectory.tier,
        "decisions": [str(item)[:LONG] for item in trajectory.decisions],
        "failures": len(trajectory.failures),
    }
    kept = {key: value for key, value in facts.items() if value not in ("", None, [])}
    return {**kept, "escalated": trajectory.escalated}
