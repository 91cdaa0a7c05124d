"""Write a run's decisions on its trace, as metadata and tags by which LangSmith can filter."""

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
"""Characters of a text that are kept in metadata."""


def annotate(run: Run | Trajectory, *, tree: RunTree | None = None) -> bool:
    """Write a run's decisions on its trace.

    Metadata: `quintet_outcome`, `quintet_reason`, `quintet_route`, `quintet_confidence`,
    `quintet_tier`, `quintet_escalated`, `quintet_decisions` (one line each) and
    `quintet_failures`. Tags: `outcome:done`, `route:billing`, `tier:rules`, `escalated`. In
    LangSmith: `has(tags, "route:billing")`, or `eq(metadata_key, "quintet_tier")` with its value.

    Args:
        run: a `Run` as `start` returned it, or a trajectory.
        tree: the trace; by default the one that is open here, such as in a function under
            `langsmith.traceable`. It must still be open: a trace that has ended is being sent.

    Returns:
        True if there was a trace to write on; without one nothing happens.
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
    """Trace a function that returns a `Run`, with the run's decisions on the trace.

    It combines `langsmith.traceable` with `annotate` on the result, in production as in tests:

        @traced
        def handle(message: str, thread: str) -> Run:
            return start(app, {"message": message}, thread=thread)

    LangSmith's own settings decide about tracing (`LANGSMITH_TRACING=true`); without a trace
    nothing leaves the machine. Any other result than a run is returned as it is.

    Args:
        function: plain or async.
        name: of the trace; by default the function's.
    """
    return partial(_traced, name=name) if function is None else _traced(function, name=name)


def _traced(function: F, *, name: str) -> F:
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def acall(*args: Any, **kwargs: Any) -> Any:
            return _annotated(await function(*args, **kwargs))

        inner: Any = acall
    else:

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return _annotated(function(*args, **kwargs))

        inner = call
    label = name or getattr(function, "__name__", "run")
    return cast(F, traceable(name=label, process_outputs=_outputs)(inner))


def _annotated(result: Any) -> Any:
    if isinstance(result, Run | Trajectory):
        annotate(result)
    return result


def _outputs(result: Any) -> dict[str, Any]:
    """Convert a result to a trace's outputs; of a run, which holds its whole graph, only facts."""
    if isinstance(result, Run):
        return {"status": result.status, "thread": result.thread, "path": list(result.path)}
    return result if isinstance(result, dict) else {"output": result}


def _of_run(run: Run) -> dict[str, Any]:
    trajectory = harvest(
        run.values,
        path=run.path,
        status=run.status,
        reason="" if run.outcome is None else run.outcome.reason,
        waiting=[item.packet for item in run.waiting],
    )
    return _of_trajectory(trajectory)


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
    # Zero failures are a fact, an empty text is none.
    known = {key: value for key, value in facts.items() if value not in ("", None, [])}
    return {**known, "escalated": trajectory.escalated}
