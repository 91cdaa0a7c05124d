"""Make a plan, send out its steps as they become ready, judge them, and re-plan on evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.types import Command

from quintet.errors import DesignError
from quintet.nodes.core.call import Logic
from quintet.nodes.core.node import Node
from quintet.nodes.core.progress import Progress
from quintet.nodes.core.reckon import counted
from quintet.nodes.core.task import current_task
from quintet.nodes.planning.admission import Admission, Allow
from quintet.nodes.planning.cost import cost_of
from quintet.nodes.planning.crew import Crew
from quintet.nodes.planning.evidence import Maker
from quintet.nodes.planning.making import Making
from quintet.nodes.planning.visit import Visit
from quintet.nodes.planning.vocabulary import Vocabulary
from quintet.nodes.route import text_of
from quintet.nodes.sign_off import NODE as SIGN_OFF
from quintet.nodes.sign_off import SignOff
from quintet.state.budget import Budget
from quintet.state.plan import Plan
from quintet.state.run import run_of
from quintet.state.step import Step, leaves
from quintet.state.verdict import Criterion, check_answers

ANY, NOBODY = Vocabulary(), Crew()
"""The words of a plan where none are declared, and the workers where none are known."""

_KINDS: Mapping[str, type[Any]] = {
    "budget": Budget,
    "vocabulary": Vocabulary,
    "sign_off": SignOff,
    "crew": Crew,
}


@dataclass(frozen=True, kw_only=True)
class Planner(Node):
    """Make a plan, send its ready steps to their assignees, and re-plan when a step fails.

    Before the first step runs, the whole plan is checked, and every complaint is given at once: to
    a chat model, which may draft again, else as the error. `create_planner` wires it; in a graph of
    your own, add it with `defer=True`, so that it runs when all steps that it sent out have ended,
    and give each assignee an edge back to it.

    Args:
        make: a function of the goal, a `Plan` to follow as a template, or a chat model.
        assignees: the nodes that take steps, or a mapping of these nodes to their purposes.
        then: the node to go to when every step is done.
        otherwise: the node to go to when the plan cannot be made to work.
        check: judges a step's result by its criterion; a refusal is a reason to re-plan. Each piece
            of work is judged under its own id, such as `read[3]`, and so is what a body or a
            reducer comes to. Without a check, it is enough that the worker's contract was met, and
            a plan with criteria is refused.
        read: a function of the state that gives the goal for `make`; by default the last message's
            text.
        budget: `steps` limits the pieces of work that a plan may come to, `retries` the re-plans,
            and `tokens`, `money` and `seconds` what all its steps together may spend: at worst,
            before it begins, and in fact, while it runs.
        vocabulary: the kinds of step, the conditions and the reducers that a plan may name.
        allow: a criterion on a step and the effects that it may run, such as `reversible`.
        stalls: the rounds without a new result that are borne; after one more, the steps under way
            count as problems, by the name of a stall. None for any number.
        sign_off: who signs a plan before it begins, if anybody; see `create_planner`.
        crew: the workers behind the assignees; ready-made graphs fill them in.
        gate: the node that decides on what steps have proposed, before further steps are sent;
            ready-made graphs fill it in.

    Raises:
        DesignError: no assignees, a part of the wrong kind, a limit that a planner cannot keep, or
            an async `read`.
    """

    make: Maker | Plan | BaseChatModel
    assignees: tuple[str, ...] | Mapping[str, str]
    then: str = "finish"
    otherwise: str = "person"
    check: Criterion[[Step, Any]] | None = None
    read: Callable[[Mapping[str, Any]], Any] = text_of
    budget: Budget = Budget(steps=12, retries=2)
    vocabulary: Vocabulary = ANY
    allow: Allow | None = None
    stalls: int | None = 3
    sign_off: SignOff | None = None
    crew: Crew = NOBODY
    gate: str = ""

    writes = frozenset({"plan", "kept", "results", "actions", "decisions", "spent", "run"})

    def __post_init__(self) -> None:
        if isinstance(self.assignees, str) or not self.assignees:
            raise DesignError(
                f"Planner(assignees={self.assignees!r}): give the nodes that take steps by name"
            )
        if not (callable(self.make) or isinstance(self.make, Plan | BaseChatModel)):
            raise DesignError(
                f"Planner(make={self.make!r:.60}): give a function of the goal, a Plan to follow, "
                "or a chat model"
            )
        for name in ("read", "check", "allow"):
            if (function := getattr(self, name)) is not None and not callable(function):
                raise DesignError(f"Planner({name}={function!r:.60}): give a function")
        check_answers("Planner(read=)", self.read)
        check_answers("Planner(allow=)", self.allow)
        for name, kind in _KINDS.items():
            part = getattr(self, name)
            if not (isinstance(part, kind) or (part is None and name == "sign_off")):
                raise DesignError(f"Planner({name}={part!r:.60}): give a {kind.__name__}")
        if self.budget.handoffs is not None:
            raise DesignError(
                f"Planner(budget=Budget(handoffs={self.budget.handoffs})): a planner passes "
                "nothing on; bound handoffs by Router(budget=) or Contract(budget=)"
            )
        if self.stalls is not None and (type(self.stalls) is not int or self.stalls < 1):
            raise DesignError(
                f"Planner(stalls={self.stalls!r:.40}): give a whole number from 1, or None"
            )

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the assignees, the two ends, and the nodes of a sign-off."""
        signing = () if self.sign_off is None else (SIGN_OFF, self.sign_off.rejected)
        deciding = (self.gate,) if self.gate else ()
        ends = (*self.assignees, self.then, self.otherwise, *signing, *deciding)
        return tuple(dict.fromkeys(ends))

    @cached_property
    def making(self) -> Making:
        """Give how it makes plans, and which it lets through."""
        named = isinstance(self.assignees, Mapping)
        about: Mapping[str, str] = self.assignees if named else dict.fromkeys(self.assignees, "")  # type: ignore[assignment]
        admission = Admission(
            assignees=tuple(self.assignees),
            vocabulary=self.vocabulary,
            crew=self.crew,
            allow=self.allow,
            judged=self.check is not None,
        )
        return Making(
            make=self.make, read=self.read, about=about, budget=self.budget, admission=admission
        )

    def complaints(
        self, plan: Plan, state: Mapping[str, Any], progress: Progress | None = None
    ) -> tuple[str, ...]:
        """Give every reason why a plan may not run in place of the one under way, if any."""
        return self.making.complaints(plan.goal, plan.steps, plan.budget, state, progress)

    def facts(self, plan: Plan) -> dict[str, Any]:
        """Give what a person should know about a plan: its worst case, and its effects."""
        takers = dict.fromkeys(step.assignee for step in leaves(plan.steps) if step.assignee)
        effects = {name: facts for name in takers if (facts := self.crew.facts(name))}
        return {"worst_case": cost_of(plan.steps, self.crew).data, "effects": effects}

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[Any]]:
        """Plan, or judge the steps that have ended; then send out ready steps, or go on."""
        task = current_task("plan")
        visit = Visit(planner=self, task=task, state=state)
        return (yield from counted(task, visit.logic(), run_of(state), self.budget))
