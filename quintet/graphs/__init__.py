"""Make edges and ready-made graphs, and `check` any graph."""

from quintet.checks import check
from quintet.graphs.edges import begin, by_actions, by_failure, by_outcome, by_plan, by_route
from quintet.graphs.event_driven import create_event_driven, draw_events
from quintet.graphs.govern import govern
from quintet.graphs.handoff import create_handoff
from quintet.graphs.manager import create_manager_worker
from quintet.graphs.parallel import create_parallel
from quintet.graphs.planner import create_planner
from quintet.graphs.review import review
from quintet.graphs.sequential import create_sequential
from quintet.graphs.single import create_single_agent
from quintet.graphs.workflow import create_workflow
from quintet.graphs.workflows.task import Task, all_of, any_of

__all__ = [
    "Task",
    "all_of",
    "any_of",
    "begin",
    "by_actions",
    "by_failure",
    "by_outcome",
    "by_plan",
    "by_route",
    "check",
    "create_event_driven",
    "create_handoff",
    "create_manager_worker",
    "create_parallel",
    "create_planner",
    "create_sequential",
    "create_single_agent",
    "create_workflow",
    "draw_events",
    "govern",
    "review",
]
