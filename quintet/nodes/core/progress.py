"""Track the progress of a planner's plan, and keep several planners' steps apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from quintet.errors import ContractBroken
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.task import Task
from quintet.state.budget import UNTOLD, Resource
from quintet.state.plan import Plan, step_key
from quintet.state.record import plain
from quintet.state.run import run_of
from quintet.state.step import root_of, waits_for

SHARED: tuple[Resource, ...] = ("tokens", "money", "seconds")
COUNTED = (*SHARED, *UNTOLD.values())
"""The resources that a plan's steps spend together."""

DONE, GIVEN_UP = "done", "given up"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a planner's plan; kept in the state by the planner's path.

    Args:
        plan: the version under way.
        begun: the pieces of work that were sent out: plain steps, and runs such as `read[3]`.
        done: the steps, and runs of steps, whose results hold.
        failed: why runs failed that their step can bear, such as a vote.
        verdicts: why the condition of a round did not hold; empty where it did.
        past: for each earlier version, a digest of its problems and the plan that answered them.
        own: all steps that this planner has sent out in this run.
        spent: the run's spending when the first version was made.
        seen: a digest of the steps and results when it last waited.
        facts: digests of the results that are known, by which a new one is told.
        quiet: the rounds since the last new result.
        resets: how often a stall was answered by a new plan.
        asked: the digest of the plan that was put to a person; empty where none is.
        signed: the digest of the plan that they have signed.
        over: empty while it is under way, else `DONE` or `GIVEN_UP`.
        run: the id of the run that it belongs to.
        steps: the ids of the plan's steps, filled in by `update`.
    """

    plan: Plan
    begun: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    verdicts: Mapping[str, str] = field(default_factory=dict)
    past: tuple[Mapping[str, Any], ...] = ()
    own: tuple[str, ...] = ()
    spent: Mapping[str, float] = field(default_factory=dict)
    seen: str = ""
    facts: tuple[str, ...] = ()
    quiet: int = 0
    resets: int = 0
    asked: str = ""
    signed: str = ""
    over: str = ""
    run: str = ""
    steps: tuple[str, ...] = ()

    @classmethod
    def begun_with(cls, plan: Plan, state: Mapping[str, Any], own: Iterable[str]) -> Progress:
        """Begin with a first plan."""
        spent = state.get("spent") or {}
        spent = {name: spent.get(name, 0) for name in COUNTED}
        return cls(plan=plan, own=tuple(own), spent=spent, run=run_of(state))

    def update(self, path: str) -> dict[str, Any]:
        """Give the state update that keeps the progress."""
        steps = [step.id for step in self.plan.steps]
        names = (field.name for field in fields(self) if field.name not in ("plan", "steps"))
        record = {name: plain(getattr(self, name)) for name in names}
        return {"kept": keep("plan", path, {"plan": self.plan.data, **record, "steps": steps})}

    def followed_by(self, plan: Plan, problems: Mapping[str, str]) -> Progress:
        """Go on with a new plan: what its unchanged steps have done stands.

        A result stands if its step and all that it waits for are as they were. So do the verdicts
        on its rounds, and failed votes and alternatives, but for those of a step that is itself the
        problem.
        """
        old = {step.id: step.data for step in self.plan.steps}
        ids = [step.id for step in plan.steps]
        same = {step.id for step in plan.steps if old.get(step.id) == step.data}
        done: list[str] = []
        for name in self.done:  # in the order of their dependencies
            root = root_of(name)
            if root in same and set(waits_for(plan[root], ids)) <= set(done):
                done.append(name)
        # What was said of its work, too, holds for what it was begun with alone.
        stand = {name for name in same if set(waits_for(plan[name], ids)) <= set(done)}
        return replace(
            self,
            plan=plan,
            done=tuple(done),
            begun=tuple(done),
            failed=_within(stand - problems.keys(), self.failed),
            verdicts=_within(stand, self.verdicts),
            asked="",
            signed="",
        )


def _within(steps: set[str], notes: Mapping[str, str]) -> dict[str, str]:
    """Give the notes on work that is part of these steps."""
    return {name: why for name, why in notes.items() if root_of(name) in steps}


def steps_ended(task: Task, progress: Progress, state: Mapping[str, Any]) -> dict[str, Any]:
    """Give the end of each piece of work that was sent out and is under way, by its own note.

    A user's own node leaves no note: its step is done if it has a result, else it is `silent`.
    """
    ends, results = kept(state, "step"), state.get("results") or {}
    steps = {}
    for name in progress.begun:
        if name in progress.done or name in progress.failed:
            continue
        at = step_key({"path": task.path, "version": progress.plan.version, "id": name})
        silent = {"status": "done" if name in results else "silent"}
        steps[name] = ends.get(at) or silent
    return steps


def refuse_lost(task: Task, progress: Progress, results: Mapping[str, Any]) -> None:
    """Refuse to go on where a result that later steps rest on has been taken back.

    Raises:
        ContractBroken: it names the step.
    """
    if lost := [name for name in progress.done if name not in results]:
        raise ContractBroken(
            f"{task.node}: step {lost[0]!r} is done, and its result stands no more; let no node "
            "write None for it",
            side="needs",
        )


def refuse_foreign(
    task: Task, names: Iterable[str], progress: Progress, results: Mapping[str, Any]
) -> None:
    """Refuse a step that has the name of another node's result, which it would overwrite.

    Raises:
        ContractBroken: it names the step.
    """
    for name in names:
        if name in results and name not in progress.own:
            raise ContractBroken(
                f"{task.node}: step {name!r} has the name of a result that stands already, of "
                "another node or planner; give the step another id",
                side="needs",
            )


def others(task: Task, state: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Give the progress of this run's other planners, by their paths."""
    return {path: known for path, known in kept(state, "plan").items() if path != task.path}


def under_way(others: Mapping[str, Mapping[str, Any]]) -> bool:
    """Say whether another planner's plan is not over yet."""
    return any(not known["over"] for known in others.values())


def refuse_shared(
    task: Task, steps: Iterable[str], others: Mapping[str, Mapping[str, Any]]
) -> None:
    """Refuse a step that another planner has sent out too: each would judge the other's result.

    Raises:
        ContractBroken: it names the step and the planners.
    """
    for path, known in others.items():
        if both := [step for step in steps if step in known["own"]]:
            raise ContractBroken(
                f"{task.node}: step {both[0]!r} has the id of a step of the planner {path!r}, and "
                "their results could not be told apart; give the steps of each planner ids of "
                "their own",
                side="needs",
            )
