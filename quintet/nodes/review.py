"""Ask a person about an output before it goes on, in each round of a loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.types import Command

from quintet.errors import DesignError
from quintet.nodes.answer import YES, Answer, for_interface
from quintet.nodes.asking import Asking, told
from quintet.nodes.core.call import Logic
from quintet.nodes.core.node import one_line
from quintet.nodes.core.question import ask
from quintet.nodes.core.rounds import Rounds, check_rounds
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.core.votes import Votes, approval_in, votes_on
from quintet.nodes.core.way import check_way, lead, targets_in
from quintet.state.action import Action
from quintet.state.contract import Contract
from quintet.state.decision import Decision
from quintet.state.journal.entry import Entry
from quintet.state.record import digest, plain
from quintet.state.run import run_of


@dataclass(frozen=True, kw_only=True)
class Review(Asking):
    """Show an output to a person; go on with it, with what they made of it, or back.

    A yes is for exactly the output that was shown. `edit({"output": ...})` goes on with another
    one. A no goes back with the person's note: the worker finds `{"by", "answer", "note", "round"}`
    among the results, under the output's name with `_review` at its end. When the review is over,
    that result holds what was said in each round too, as `verdicts`.

    Args:
        of: the output's name among the results: the worker's node, or the step.
        approved: the node to go to with the output, or a path; ready-made graphs fill it in.
        rejected: the node to go back to; by default the one that `of` names.
        responded: the node to go to where the person responds; by default as for a no.
        rounds: how many times it may be shown; after so many times no, `otherwise` follows.
        otherwise: the node to go to then. Where that is `finish`, the run ends as `rejected`.
        contract: the contract whose type an edited output must have; ready-made graphs fill in that
            of the worker.

    Raises:
        DesignError: `rounds` is no whole number from 1, or as for `ApprovalGate`.
    """

    of: str = ""
    approved: Any = ""
    rejected: str = ""
    responded: str = ""
    rounds: int = 3
    otherwise: str = "person"
    contract: Contract | None = None
    name: str = "review"

    writes = frozenset({"results", "decisions", "kept", "run"})

    def __post_init__(self) -> None:
        check_rounds("Review", self.rounds)
        check_way("Review(approved", self.approved)
        if self.rejected == "":
            object.__setattr__(self, "rejected", self.of)
        Asking.__post_init__(self)

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the nodes for yes, for no, and for the last no."""
        return targets_in(self.approved, self.rejected, self.responded, self.otherwise)

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Ask about the output as it is now, and go where the answer leads."""
        task = current_task("review")
        check_wired(self, task.node)
        rounds = Rounds.read(state, task, self.of, self.rounds)
        if rounds.used_up:
            return Command(goto=self.otherwise)
        action, votes = yield from self._question(task, state, rounds)
        verdict, records = votes.verdict, list[dict[str, Any]]()
        if verdict is None:
            packet = self._packet(action, state, votes, rounds)
            answer = ask(task, state, packet, self.schema(action, votes))
            if isinstance(answer, Command):
                return answer
            votes, records = yield from self.written(task.node, action, answer, votes)
            verdict = votes.verdict
        if verdict is None:  # one of several who must say yes
            return Command(goto=task.node, update=told(records))
        return self._on(task, state, verdict, rounds, records)

    def _question(
        self, task: Task, state: Mapping[str, Any], rounds: Rounds
    ) -> Logic[tuple[Action, Votes]]:
        """Give the question as an action, and the answers to it so far."""
        run = run_of(state)
        question = digest([self.name, task.path, run, self.of, rounds.number, rounds.output])
        votes = yield from votes_on(task, question, self.quorum).read()
        at = 0.0
        if self.expires is not None:
            at = (yield from votes.note_asked()).at  # its time counts from the first asking
        key = f"{self.of}#{rounds.number}"
        name = f"review {self.of}"
        arguments = {"output": rounds.output}
        return Action(name=name, arguments=arguments, key=key, at=at, run=run), votes

    def _packet(
        self, action: Action, state: Mapping[str, Any], votes: Votes, rounds: Rounds
    ) -> dict[str, Any]:
        answers = ["approve", "edit", "reject", "respond"]
        deadline = self.deadline(action)
        why = f"an output is shown before it goes on (round {rounds.number} of {self.rounds})"
        why += f"; {rounds.no_progress}" if rounds.no_progress else ""
        return {
            "gate": self.name,
            "action": action.name,
            "arguments": dict(action.arguments),
            "digest": action.digest,
            "why_asked": why,
            "round": rounds.number,
            "rounds": self.rounds,
            "request": one_line(state.get("message", ""), 500),
            "if_yes": f"{' or '.join(targets_in(self.approved))} goes on with it",
            "if_no": f"{self.otherwise if rounds.is_last else self.rejected} follows",
            **({"if_response": f"{self.responded} follows"} if self.responded else {}),
            "approvers": self.shown_approvers(action),
            "expires": deadline,
            "if_expired": self.if_expired if deadline else "",
            "answers": answers,
            **({"quorum": self.quorum} if self.quorum > 1 else {}),
            **({"answered": votes.shown} if votes.names else {}),
            **for_interface(action, answers, why),
        }

    def _fits_action(self, answer: Answer, action: Action, edited: Action) -> None:
        super()._fits_action(answer, action, edited)
        if "output" not in (answer.arguments or {}):
            return
        output = edited.arguments["output"]
        if output is None:
            raise ValueError(f"{action.name}: None is no output; reject it, or give another one")
        if self.contract is not None:
            self.contract.result(output)  # a ContractBroken is a ValueError

    def _on(
        self,
        task: Task,
        state: Mapping[str, Any],
        entry: Entry,
        rounds: Rounds,
        records: list[dict[str, Any]],
    ) -> Command[str]:
        said = approval_in(entry)
        goes_on = said.answer in YES or (said.answer == "respond" and bool(self.responded))
        verdict = rounds.said(by=said.by, answer=said.answer, note=said.note)
        last_no = rounds.is_last and not goes_on
        if last_no and self.otherwise == "finish":
            verdict["refused"] = f"{said.by} said {said.answer}: {said.note or 'without a note'}"
        over = goes_on or last_no
        update = rounds.over(verdict, agreed=goes_on) if over else rounds.back(verdict)
        if said.answer == "edit":
            update["results"][self.of] = entry.value["arguments"]["output"]
        decision = Decision(
            kind="escalation" if last_no else "approval",
            node=task.node,
            choice=said.answer,
            reason=said.note or f"round {rounds.number} of {self.rounds}",
            by="rule" if said.answer == "expire" else "person",
            who=said.by,
            candidates=self.destinations,
            seen=f"{self.of} [{said.digest}]",
        )
        update["decisions"] = [*records, plain(decision)]
        way = self.otherwise if last_no else self.rejected
        if goes_on:
            way = lead(self.responded if said.answer == "respond" else self.approved, state, update)
        return Command(goto=way, update=update)


def check_wired(node: Any, name: str) -> None:
    """Refuse a review that does not know of what, or where a yes leads.

    Raises:
        DesignError: it names the node and what it lacks.
    """
    for field in ("of", "approved"):
        if not getattr(node, field):
            raise DesignError(
                f"{name}: give {field}=...; only in a ready-made graph it is filled in"
            )
