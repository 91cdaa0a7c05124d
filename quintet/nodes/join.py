"""Judge the branches of a fan-out when all have ended: go on, or to the declared recovery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from langgraph.types import Command

from quintet.errors import DesignError
from quintet.nodes.core.actions import with_update
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.node import Node, one_line
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.core.way import check_way
from quintet.state.decision import Decision
from quintet.state.record import digest, plain

Need = Literal["all", "first"] | int
"""The number of branches that must have a result: all, the first, or so many."""


@dataclass(frozen=True, kw_only=True)
class Join(Node):
    """Go on once enough branches have a result. Add it with `defer=True`.

    Where it waits for all, failed branches are passed over up to a declared number, and the others'
    results stay. With `need="first"` or a number, the first results decide; the other branches are
    then cut off, and a result that comes later is put on record and changes nothing.

    Where not enough have a result, the run goes to where recovery would have sent the first branch
    that failed, once for all of them. A branch whose contract asks for a person is never passed
    over.

    Args:
        of: the branches; a `FanOut` that chose among them says which of them ran.
        need: `"all"`, `"first"`, or the number of results that decide.
        failures: with `"all"`, how many branches may fail.
        then: the node to go to next, or a function of the state that names it.
        otherwise: the node to go to where a branch is missing that recovery has not seen.
        ended: the node to go to where a branch, a graph of its own, has ended the run already.

    Raises:
        DesignError: a need or a number of failures that cannot be.
    """

    of: tuple[str, ...] = ()
    need: Need = "all"
    failures: int = 0
    then: Any = "finish"
    otherwise: str = "person"
    ended: str = "finish"

    writes = frozenset({"kept", "decisions", "results", "run"})

    def __post_init__(self) -> None:
        need, failures = self.need, self.failures
        number = isinstance(need, int) and not isinstance(need, bool)
        if not (need in ("all", "first") if isinstance(need, str) else number and need >= 1):
            raise DesignError(f"Join(need={need!r}): give 'all', 'first' or a number from 1")
        if self.of and self.results > len(self.of):
            raise DesignError(
                f"Join(need={need!r}): there are only {len(self.of)} branches "
                f"({', '.join(self.of)})"
            )
        check_way("Join(then", self.then)
        if isinstance(failures, bool) or not isinstance(failures, int) or failures < 0:
            raise DesignError(f"Join(failures={failures!r}): give a whole number from 0")
        if failures and need != "all":
            raise DesignError(
                f"Join(need={need!r}, failures={failures}): a number of results says already how "
                "many may fail; leave failures out"
            )
        if self.of and failures >= len(self.of):
            raise DesignError(
                f"Join(failures={failures}): of {len(self.of)} branches at least one must have a "
                "result"
            )

    @property
    def results(self) -> int:
        """Give the number of results that decide; 0 where it waits for all."""
        return {"all": 0, "first": 1}[self.need] if isinstance(self.need, str) else self.need

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the node after it, and the ends."""
        then = (self.then,) if isinstance(self.then, str) else tuple(self.then.targets)
        return tuple(dict.fromkeys((*then, self.otherwise, self.ended)))

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[Any]]:
        """Judge how the branches have ended."""
        yield from _no_calls()
        return _Judged(join=self, task=current_task("join"), state=state).command()


def _no_calls() -> Iterator[Call]:
    return iter(())


@dataclass(kw_only=True)
class _Judged:
    """The branches of one fan-out, as they have ended."""

    join: Join
    task: Task
    state: Mapping[str, Any]

    def __post_init__(self) -> None:
        at = f"{self.task.path}:"
        self.sent: list[str] = kept(self.state, "fan").get(self.task.path, list(self.join.of))
        notes = kept(self.state, "branch")
        self.notes = {name: notes[f"{at}{name}"] for name in self.sent if f"{at}{name}" in notes}

    def command(self) -> Command[Any]:
        moved = [name for name, note in self.notes.items() if note["status"] == "moved"]
        if (moved or self._waits()) and (seen := self._seen()) != self._before():
            # A fallback, or an item that asks, is under way: `defer` waits for no `Send`.
            note = keep("joined", f"{self.task.path} seen", seen)
            return Command(goto=self.task.node, update={"kept": note})
        failed = {n: note for n, note in self.notes.items() if note["status"] == "failed"}
        failed |= {name: _lost(self.notes[name]) for name in moved}
        dropped = [n for n, note in self.notes.items() if note["status"] in ("cut", "late")]
        done = [name for name in self.sent if name not in failed and name not in dropped]
        target, records = self._judge(done, failed, dropped)
        update: dict[str, Any] = {"kept": self._cleared(), "decisions": records}
        if old := self._old(*failed, *dropped):
            update["results"] = dict.fromkeys(old)
        if target is None:
            then = self.join.then
            target = then if isinstance(then, str) else then(with_update(self.state, {}))
        return Command(goto=target, update=update)

    def _judge(
        self, done: list[str], failed: Mapping[str, Any], dropped: list[str]
    ) -> tuple[str | None, list[Any]]:
        """Give the node to go to in place of the next one, or None, with what is put on record."""
        join = self.join
        outcome = (self.state.get("outcome") or {}).get("status", "done")
        last = any(note["last"] for note in failed.values())
        enough = len(done) >= join.results if join.results else len(failed) <= join.failures
        if not last and enough and done:
            if outcome != "done":  # a branch that is a graph of its own has ended the run
                return join.ended, []
            if not failed and not dropped:
                return None, []
            return None, [self._record("merge", ", ".join(done), self._reason(failed, dropped))]
        to = next((note["to"] for note in failed.values() if note["to"]), join.otherwise)
        why = self._refused(done, failed, last=last)
        return to, [self._record("escalation", to, why)]

    def _reason(self, failed: Mapping[str, Any], dropped: list[str]) -> str:
        parts = [f"{name} failed and is passed over: {failed[name]['why']}" for name in failed]
        if dropped:
            parts.append(f"decided without {', '.join(dropped)}")
        return one_line("; ".join(parts), 300)

    def _refused(self, done: list[str], failed: Mapping[str, Any], *, last: bool) -> str:
        parts = [f"{name}: {note['why']}" for name, note in failed.items()]
        if last:
            text = "a branch asks for a person"
        elif self.join.results:
            text = f"{len(done)} of {self.join.results} results"
        else:
            text = f"{len(failed)} of {len(self.sent)} branches failed"
            text += f", and {self.join.failures} may" if self.join.failures else ""
        return one_line(f"{text}: {'; '.join(parts)}" if parts else text, 300)

    def _record(self, kind: Any, choice: str, reason: str) -> Any:
        decision = Decision(
            kind=kind,
            node=self.task.node,
            choice=choice,
            reason=reason,
            who=self._spent_up() if kind == "escalation" else "",
            candidates=tuple(self.sent),
        )
        return plain(decision)

    def _spent_up(self) -> str:
        """Name the budget as the one who asks, where every failed branch has used one up."""
        errors = {n["error"] for n in self.notes.values() if n["status"] == "failed"}
        return "budget" if errors == {"BudgetExhausted"} else ""

    def _cleared(self) -> dict[str, Any]:
        """Take the notes back, and count this join, so that the next visit begins anew."""
        path = self.task.path
        notes: dict[str, Any] = {f"branch {path}:{name}": None for name in self.notes}
        notes |= keep("fan", path, None) if path in kept(self.state, "fan") else {}
        joined = kept(self.state, "joined")
        if f"{path} seen" in joined:
            notes |= keep("joined", f"{path} seen", None)
        return notes | keep("joined", path, int(joined.get(path, 0)) + 1)

    def _waits(self) -> bool:
        """Say whether an item's worker has kept its work, and comes back to ask a person."""
        return any(slot.partition(":")[2] in self.sent for slot in kept(self.state, "paused"))

    def _old(self, *names: str) -> list[str]:
        """Name the results that these branches have of an earlier round, and not of this one."""
        results = self.state.get("results") or {}
        again = self.task.path in kept(self.state, "joined")
        return [name for name in names if again and name in results]

    def _seen(self) -> str:
        state = self.state
        results, remedies = sorted(state.get("results") or {}), state.get("remedies") or {}
        return digest([self.notes, results, remedies, kept(state, "paused")])

    def _before(self) -> str:
        return str(kept(self.state, "joined").get(f"{self.task.path} seen", ""))


def _lost(note: Mapping[str, Any]) -> dict[str, Any]:
    why = f"its fallback {note['to']} gave no result"
    return {"status": "failed", "why": why, "error": "", "to": "", "last": False}
