"""Ask a person about an output before it goes on, in each round of a loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.types import Command

from quintet.errors import ContractBroken, DesignError
from quintet.nodes.answer import YES, for_interface
from quintet.nodes.asking import Asking, told
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.node import one_line
from quintet.nodes.core.question import ask
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.core.votes import Votes, approval_in, votes_on
from quintet.state.action import Action
from quintet.state.decision import Decision
from quintet.state.journal.entry import Entry
from quintet.state.record import digest, plain
from quintet.state.run import run_of


@dataclass(frozen=True, kw_only=True)
class Review(Asking):
    """Show an output to a person; go on with it, with what they made of it, or back.

    A yes is for exactly the output that was shown. `edit({"output": ...})` goes on with another
    one. A no goes back with the person's note: the worker finds `{"by", "answer", "note", "round"}`
    among the results, under the output's name with `_review` at its end.

    Args:
        of: the output's name among the results: the worker's node, or the step.
        approved: the node to go to with the output.
        rejected: the node to go back to.
        rounds: how many times it may be shown; after so many times no, `otherwise` follows.
        otherwise: the node to go to then.

    Raises:
        DesignError: `rounds` is no whole number from 1, or as for `ApprovalGate`.
    """

    of: str
    approved: str
    rejected: str
    rounds: int = 3
    otherwise: str = "person"
    name: str = "review"

    writes = frozenset({"results", "decisions", "kept", "run"})

    def __post_init__(self) -> None:
        if isinstance(self.rounds, bool) or not isinstance(self.rounds, int) or self.rounds < 1:
            raise DesignError(f"Review(rounds={self.rounds!r:.60}): give a whole number from 1")
        Asking.__post_init__(self)

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the nodes for yes, for no, and for the last no."""
        return tuple(dict.fromkeys((self.approved, self.rejected, self.otherwise)))

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Ask about the output as it is now, and go where the answer leads."""
        task = current_task("review")
        results = state.get("results") or {}
        if self.of not in results:
            raise ContractBroken(
                f"{task.node}: there is no result {self.of!r} to show; there are "
                f"{', '.join(results) or 'none'}",
                side="needs",
            )
        shown = int(kept(state, "review").get(task.path, 0)) + 1
        action, votes = yield from self._question(task, state, results[self.of], shown)
        verdict, records = votes.verdict, list[dict[str, Any]]()
        if verdict is None:
            packet = self._packet(action, state, votes, shown)
            answer = ask(task, state, packet, self.schema(action, votes))
            if isinstance(answer, Command):
                return answer
            votes, records = yield from self.written(task.node, action, answer, votes)
            verdict = votes.verdict
        if verdict is None:  # one of several who must say yes
            return Command(goto=task.node, update=told(records))
        return self._on(task, verdict, shown, records)

    def _question(
        self, task: Task, state: Mapping[str, Any], output: Any, shown: int
    ) -> Logic[tuple[Action, Votes]]:
        """Give the question as an action, and the answers to it so far."""
        run = run_of(state)
        question = digest([self.name, task.path, run, self.of, shown, output])
        votes = yield from votes_on(task, question, self.quorum).read()
        at = 0.0
        if self.expires is not None:
            # The node runs anew with each answer, and its time counts from the first asking.
            place = (votes.thread, f"asked {question}")
            yield Call(
                votes.journal.append, (*place, "asked"), options={"position": 0}, blocks=True
            )
            entries: tuple[Entry, ...] = yield Call(votes.journal.read, place, blocks=True)
            at = entries[0].at
        key = f"{self.of}#{shown}"
        name = f"review {self.of}"
        return Action(name=name, arguments={"output": output}, key=key, at=at, run=run), votes

    def _packet(
        self, action: Action, state: Mapping[str, Any], votes: Votes, shown: int
    ) -> dict[str, Any]:
        answers = ["approve", "edit", "reject", "respond"]
        deadline = self.deadline(action)
        why = f"an output is shown before it goes on (round {shown} of {self.rounds})"
        return {
            "gate": self.name,
            "action": action.name,
            "arguments": dict(action.arguments),
            "digest": action.digest,
            "why_asked": why,
            "round": shown,
            "rounds": self.rounds,
            "request": one_line(state.get("message", ""), 500),
            "if_yes": f"{self.approved} goes on with it",
            "if_no": f"{self.rejected if shown < self.rounds else self.otherwise} follows",
            "approvers": self.shown_approvers(action),
            "expires": deadline,
            "if_expired": self.if_expired if deadline else "",
            "answers": answers,
            **({"quorum": self.quorum} if self.quorum > 1 else {}),
            **({"answered": votes.shown} if votes.names else {}),
            **for_interface(action, answers, why),
        }

    def _on(
        self, task: Task, verdict: Entry, shown: int, records: list[dict[str, Any]]
    ) -> Command[str]:
        said = approval_in(verdict)
        yes = said.answer in YES
        goto = self.approved if yes else self.rejected if shown < self.rounds else self.otherwise
        decision = Decision(
            kind="approval" if yes or shown < self.rounds else "escalation",
            node=task.node,
            choice=said.answer,
            reason=said.note or f"round {shown} of {self.rounds}",
            by="rule" if said.answer == "expire" else "person",
            who=said.by,
            candidates=self.destinations,
            seen=f"{self.of} [{said.digest}]",
        )
        told_back = {"by": said.by, "answer": said.answer, "note": said.note, "round": shown}
        results: dict[str, Any] = {f"{self.of}_review": told_back}
        if said.answer == "edit":
            results[self.of] = verdict.value["arguments"]["output"]
        return Command(
            goto=goto,
            update={
                "results": results,
                "decisions": [*records, plain(decision)],
                "kept": keep("review", task.path, shown),
            },
        )
