"""How far a planner's plan is, and that no planner takes another's steps for its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from quintet.errors import ContractBroken
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.task import Task
from quintet.state.budget import Resource
from quintet.state.plan import Plan, Step, end_of
from quintet.state.record import plain

SHARED: tuple[Resource, ...] = ("tokens", "money", "seconds")
"""The resources that a plan's steps spend together."""

DONE, GIVEN_UP = "done", "given up"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a planner's plan is; kept in the state by the planner's path.

    Args:
        plan: the version under way.
        begun: the steps that were sent out.
        done: those of which the result holds.
        past: for each earlier version, a name for what it met and what it was answered with.
        own: all steps that this planner has sent out in this run.
        spent: what the run had spent when the first version was made.
        seen: a name for what there was when it last waited.
        over: empty while it is under way, else how it ended.
    """

    plan: Plan
    begun: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    past: tuple[Mapping[str, Any], ...] = ()
    own: tuple[str, ...] = ()
    spent: Mapping[str, float] = field(default_factory=dict)
    seen: str = ""
    over: str = ""
    steps: tuple[str, ...] = ()

    @classmethod
    def begun_with(cls, plan: Plan, state: Mapping[str, Any], own: Iterable[str]) -> Progress:
        """Begin with a first plan."""
        spent = state.get("spent") or {}
        return cls(plan=plan, own=tuple(own), spent={n: spent.get(n, 0) for n in SHARED})

    def update(self, path: str) -> dict[str, Any]:
        """Give the state update that keeps it."""
        steps = tuple(step.id for step in self.plan.steps)
        return {"kept": keep("plan", path, plain(replace(self, steps=steps)))}


def steps_ended(here: Task, progress: Progress, state: Mapping[str, Any]) -> dict[str, Any]:
    """Give how each step that was sent out and is not done has ended, by what says so itself.

    A node of the user's own says it by its result alone.
    """
    ends, results = kept(state, "step"), state.get("results") or {}
    found = {}
    for name in progress.begun:
        if name in progress.done:
            continue
        at = end_of({"path": here.path, "version": progress.plan.version, "id": name})
        silent = {"status": "done" if name in results else "silent"}
        found[name] = ends.get(at) or silent
    return found


def refuse_foreign(
    here: Task, ready: tuple[Step, ...], progress: Progress, results: Mapping[str, Any]
) -> None:
    """Refuse a step by whose name a result of somebody else's stands: it would be overwritten.

    Raises:
        ContractBroken: it names the step.
    """
    for step in ready:
        if step.id in results and step.id not in progress.own:
            raise ContractBroken(
                f"{here.node}: step {step.id!r} has the name of a result that stands already, of "
                "another node or planner; give the step another id",
                side="needs",
            )


def others(here: Task, state: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Give the progress of this run's other planners, by their paths."""
    return {path: known for path, known in kept(state, "plan").items() if path != here.path}


def under_way(others: Mapping[str, Mapping[str, Any]]) -> bool:
    """Say whether another planner's plan is not over yet."""
    return any(not known["over"] for known in others.values())


def refuse_shared(
    here: Task, steps: Iterable[str], others: Mapping[str, Mapping[str, Any]]
) -> None:
    """Refuse a step that another planner has sent out too: each would judge the other's result.

    Raises:
        ContractBroken: it names the step and the planners.
    """
    for path, known in others.items():
        if both := [step for step in steps if step in known["own"]]:
            raise ContractBroken(
                f"{here.node}: step {both[0]!r} has the id of a step of the planner {path!r}, and "
                "their results could not be told apart; give the steps of each planner ids of "
                "their own",
                side="needs",
            )
