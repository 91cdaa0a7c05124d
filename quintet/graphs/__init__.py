"""Make edges and ready-made graphs, and `check` any graph."""

from quintet.checks import check
from quintet.graphs.edges import begin, by_actions, by_failure, by_outcome, by_plan, by_route
from quintet.graphs.govern import govern
from quintet.graphs.handoff import create_handoff
from quintet.graphs.manager import create_manager_worker
from quintet.graphs.sequential import create_sequential
from quintet.graphs.single import create_single_agent

__all__ = [
    "begin",
    "by_actions",
    "by_failure",
    "by_outcome",
    "by_plan",
    "by_route",
    "check",
    "create_handoff",
    "create_manager_worker",
    "create_sequential",
    "create_single_agent",
    "govern",
]
