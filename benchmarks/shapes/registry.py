"""List all shapes, in the order of the figures."""

from __future__ import annotations

from benchmarks.shapes.event_driven import EVENT_DRIVEN
from benchmarks.shapes.handoff import HANDOFF
from benchmarks.shapes.manager_worker import MANAGER_WORKER
from benchmarks.shapes.parallel import PARALLEL
from benchmarks.shapes.planner import PLANNER
from benchmarks.shapes.review import REVIEW
from benchmarks.shapes.sequential import SEQUENTIAL
from benchmarks.shapes.shape import Shape
from benchmarks.shapes.single import SINGLE
from benchmarks.shapes.workflow import WORKFLOW

SHAPES: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        SINGLE,
        SEQUENTIAL,
        PARALLEL,
        HANDOFF,
        MANAGER_WORKER,
        PLANNER,
        EVENT_DRIVEN,
        WORKFLOW,
        REVIEW,
    )
}
