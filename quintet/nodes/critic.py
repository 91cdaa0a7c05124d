"""Judge an output by rules or by an agent, and send it back with the notes, a bounded time."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from langgraph.types import Command

from quintet.errors import CriterionFailed, DesignError
from quintet.nodes.agents.call import is_model
from quintet.nodes.core.call import Logic
from quintet.nodes.core.node import Node
from quintet.nodes.core.rounds import Rounds, check_rounds
from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.core.way import check_way, lead, targets_in
from quintet.nodes.review import check_wired
from quintet.nodes.work import Worker
from quintet.state.decision import DecidedBy, Decision
from quintet.state.own import own
from quintet.state.record import plain
from quintet.state.verdict import Criterion, check_answers, name_of, unmet, why_not

ON = "quintet: the reviewer has answered"
"""The way of a reviewer that has answered, which no node has as its name."""


@dataclass(frozen=True, kw_only=True)
class Critic(Node):
    """Judge an output; go on with it, or back to revise it. Made by `quintet.graphs.review`.

    Args:
        of: the output's name among the results.
        by: criteria on the output, or on the state and the output; or a `Worker` whose result
            holds `approved`, true or false, and may hold a `note`.
        approved: the node to go to with the output, or a path.
        rejected: the node that revises it; by default the one that `of` names.
        rounds: how many versions are judged at most.
        otherwise: the node to go to after the last no.

    Raises:
        DesignError: no criteria, an async one, or `rounds` is no whole number from 1.
    """

    of: str
    by: tuple[Criterion[...], ...] | Worker
    approved: Any = ""
    rejected: str = ""
    rounds: int = 3
    otherwise: str = "person"

    writes = frozenset({"results", "spent", "decisions", "kept", "run"})

    def __post_init__(self) -> None:
        check_rounds("review", self.rounds)
        check_way("review(approved", self.approved)
        if self.rejected == "":
            object.__setattr__(self, "rejected", self.of)
        if isinstance(self.by, Worker):
            if self.by.handoffs or self.by.then not in ("", "finish"):
                raise DesignError(
                    "review(by=Worker(then=..., handoffs=...)): a reviewer gives its verdict; "
                    "approved=, rejected= and otherwise= say where that leads"
                )
            if self.by.effects:
                raise DesignError(
                    f"review(by=Worker(...)): a reviewer changes nothing, and this one has the "
                    f"effect {self.by.effects[0].name!r}; give that to the worker after it"
                )
            return
        if not self.by or not all(callable(criterion) for criterion in self.by):
            raise DesignError(
                f"review(by={self.by!r:.60}): give criteria on the output, a Worker or a Review"
            )
        check_answers("review(by=)", *self.by)

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the nodes for yes, for no, and for the last no."""
        return targets_in(self.approved, self.rejected, self.otherwise)

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[Any]]:
        """Judge the output as it is now, and go where the verdict leads."""
        task = current_task("review")
        check_wired(self, task.node)
        if SentStep.of(state):
            raise DesignError(
                f"{task.node}: a review is no step of a plan; put the loop into a graph of its "
                "own, as in Worker(agent=create_sequential(...).compile())"
            )
        rounds = Rounds.read(state, task, self.of, self.rounds)
        if rounds.used_up:
            return Command(goto=self.otherwise)
        update: dict[str, Any] = {}
        note: str | None
        if (same := rounds.same_as) is not None:
            note = f"{rounds.no_progress}; {same['note']}".rstrip("; ")
        elif isinstance(self.by, Worker):
            answered: Command[Any] = yield from self._reviewer.logic(state)
            if answered.goto != ON:  # it has paused for a person, and comes back
                return answered
            update = {**(answered.update or {})}
            note = _note(update.pop("results")[task.node])
        else:
            note = self._by_rules(state, rounds.output)
        return self._on(task, state, rounds, note, update)

    @cached_property
    def _reviewer(self) -> Worker:
        if not isinstance(self.by, Worker):
            raise DesignError("this review has no agent")
        contract = self.by.contract
        contract = replace(contract, success=(*contract.success, is_verdict))
        return replace(self.by, contract=contract, then=ON)

    def _by_rules(self, state: Mapping[str, Any], output: Any) -> str | None:
        """Name the criteria that do not hold, each with its reason; None where all hold."""
        criteria = () if isinstance(self.by, Worker) else self.by
        faults = []
        for criterion in criteria:
            try:
                given = (dict(state), output) if _takes_two(criterion) else (output,)
                verdict = criterion(*own(given))
                why = why_not(verdict, criterion)
            except DesignError:
                raise
            except Exception as problem:
                raise CriterionFailed(
                    f"{name_of(criterion)} could not judge {self.of}: "
                    f"{type(problem).__name__}: {problem}"
                ) from problem
            if why is not None:
                faults.append(f"{name_of(criterion)}: {why}")
        return "; ".join(faults) or None

    def _on(
        self,
        task: Task,
        state: Mapping[str, Any],
        rounds: Rounds,
        note: str | None,
        update: dict[str, Any],
    ) -> Command[str]:
        yes = note is None
        answer = "approve" if yes else "reject"
        verdict = rounds.said(by=self._who, answer=answer, note=note or "")
        over = yes or rounds.is_last
        made = rounds.over(verdict, agreed=yes) if over else rounds.back(verdict)
        last_no = over and not yes
        number = f"round {rounds.number} of {self.rounds}"
        if last_no:
            number = f"{self.of} was not accepted in {rounds.number} rounds"
        decision = Decision(
            kind="escalation" if last_no else "review",
            node=task.node,
            choice=answer,
            reason=f"{number}: {note or 'it holds'}"[:500],
            by=self._kind,
            who=self._who,
            candidates=self.destinations,
        )
        made["decisions"] = [*update.get("decisions", ()), plain(decision)]
        made["kept"] = {**update.get("kept", {}), **made["kept"]}
        made = {**update, **made}
        way = self.otherwise if last_no else self.rejected
        return Command(goto=lead(self.approved, state, made) if yes else way, update=made)

    @property
    def _who(self) -> str:
        by = self.by
        return name_of(by.agent) if isinstance(by, Worker) else ", ".join(map(name_of, by))

    @property
    def _kind(self) -> DecidedBy:
        return "model" if isinstance(self.by, Worker) and is_model(self.by.agent) else "rule"


def is_verdict(result: Any) -> Any:
    """Hold where a result says plainly if it approves."""
    approved = plain(result)
    if isinstance(approved, Mapping):
        approved = approved.get("approved")
    return isinstance(approved, bool) or unmet(
        "a reviewer gives `approved`, true or false, and may give a `note`"
    )


def _note(result: Any) -> str | None:
    """Give the note of a reviewer that says no; None where it says yes."""
    if not isinstance(result, Mapping):
        return None if result else "not approved"
    if result["approved"]:
        return None
    return str(result.get("note") or "not approved")


def _takes_two(criterion: Any) -> bool:
    try:
        parameters = inspect.signature(criterion).parameters.values()
    except (TypeError, ValueError):  # a builtin such as bool
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters) > 1
