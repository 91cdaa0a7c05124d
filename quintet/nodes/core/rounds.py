"""Count the rounds of a review by run and node, and keep what was said in each.

The count stands in the state key `kept`, in the same update as the way that it decides. A thread's
next run, a graph nested in this one and another loop of the same graph each have their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quintet.errors import ContractBroken, DesignError
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.task import Task
from quintet.state.record import digest

Verdict = dict[str, Any]

KEPT = 32
"""The most verdicts on one output that a run keeps; its decisions have them all."""


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """The rounds of one review so far.

    Args:
        path: the node that reviews.
        of: the name of what is reviewed, among the results.
        most: how many rounds there are at most.
        output: the version that is reviewed now.
        verdicts: what was said on the versions before, in this review.
        history: what was said on them in all reviews of this output.
    """

    path: str
    of: str
    most: int
    output: Any
    verdicts: tuple[Verdict, ...] = ()
    history: tuple[Verdict, ...] = ()

    @classmethod
    def read(cls, state: Mapping[str, Any], task: Task, of: str, most: int) -> Rounds:
        """Read them, with the output as it is now.

        Raises:
            ContractBroken: there is no such output.
        """
        results = state.get("results") or {}
        if of not in results:
            raise ContractBroken(
                f"{task.node}: there is no result {of!r} to show; there are "
                f"{', '.join(results) or 'none'}",
                side="needs",
            )
        verdicts = kept(state, "review").get(task.path, {}).get("verdicts", ())
        return cls(
            path=task.path,
            of=of,
            most=most,
            output=results[of],
            verdicts=tuple(verdicts),
            history=tuple(kept(state, "reviewed").get(of, ())),
        )

    @property
    def number(self) -> int:
        """Give the number of this round, from 1."""
        return len(self.verdicts) + 1

    @property
    def is_last(self) -> bool:
        """Say whether no further round follows."""
        return self.number >= self.most

    @property
    def same_as(self) -> Verdict | None:
        """Give the verdict on an earlier version that this one equals; None where it is new."""
        now = digest(self.output)
        return next((v for v in self.verdicts if v["version"] == now), None)

    @property
    def no_progress(self) -> str:
        """Say in words that a version was there before; empty where it is new."""
        same = self.same_as
        return f"no progress: it is the same as in round {same['round']}" if same else ""

    def said(self, *, by: str, answer: str, note: str) -> Verdict:
        """Give the verdict of this round."""
        stalled = {"no_progress": True} if self.no_progress else {}
        return {"by": by, "answer": answer, "note": note, "round": self.number, **stalled}

    def back(self, verdict: Verdict) -> dict[str, Any]:
        """Give the state update that sends the output back with a verdict."""
        return {
            "results": {self.told: verdict},
            "kept": self._noted({"verdicts": self._with(verdict)}, verdict),
        }

    def over(self, verdict: Verdict, *, agreed: bool) -> dict[str, Any]:
        """Give the state update that ends the review, with all that was said of the output."""
        # After a yes, a loop around this one may come back, and it begins anew. Once the rounds are
        # used up they stay so: whoever comes back is led on.
        note = None if agreed else {"verdicts": self._with(verdict)}
        return {
            "results": {self.told: {**verdict, "verdicts": [*self.history, verdict][-KEPT:]}},
            "kept": self._noted(note, verdict),
        }

    def _noted(self, note: Any, verdict: Verdict) -> dict[str, Any]:
        history = [*self.history, verdict][-KEPT:]
        return keep("review", self.path, note) | keep("reviewed", self.of, history)

    @property
    def used_up(self) -> bool:
        """Say whether all rounds are over, and the last of them ended with a no."""
        return len(self.verdicts) >= self.most

    @property
    def told(self) -> str:
        """Name the result that tells of the review."""
        return f"{self.of}_review"

    def _with(self, verdict: Verdict) -> list[Verdict]:
        return [*self.verdicts, {**verdict, "version": digest(self.output)}]


def check_rounds(part: str, rounds: Any) -> None:
    """Refuse a number of rounds that is none.

    Raises:
        DesignError: it names the part.
    """
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise DesignError(f"{part}(rounds={rounds!r:.60}): give a whole number from 1")
