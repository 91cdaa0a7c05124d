"""Wait for a time, or for a signal that comes before it; the process need not live meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self, TypeGuard

from langgraph.types import Command
from pydantic import BaseModel, ConfigDict, model_validator

from quintet.errors import ContractBroken, DesignError
from quintet.nodes.core.call import Logic
from quintet.nodes.core.duration import seconds, utc
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.node import Node, one_line
from quintet.nodes.core.question import answer_given, ask
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.flow.comparison import MISSING, value_at
from quintet.state.clock import now
from quintet.state.decision import Decision
from quintet.state.record import adapter, digest, plain
from quintet.state.verdict import check_answers, name_of

Moment = datetime | float | str
"""A datetime, seconds since the epoch, or text in ISO format; without a zone it is UTC."""

FIRST, LAST = (
    datetime(1, 1, 1, tzinfo=UTC).timestamp(),
    datetime(9999, 12, 31, tzinfo=UTC).timestamp() + 86_399,
)
"""The first and the last moment that can be written, in seconds since the epoch."""


@dataclass(frozen=True, kw_only=True)
class Wait(Node):
    """Stop the run until a time has come, which is stored with it and outlives the process.

    Once it has, `quintet.runs.sweep` or `quintet runs sweep` moves the run on. With
    `gives`, an answer may come first: `run.answer(value)`. The result under the node's name then
    says `{"by": "signal", "value": ...}`, or `{"by": "time"}` where nobody answered.

    Beside other branches it first lets them run on as far as they can.

    Args:
        duration: how long, from when it is reached: seconds, or text such as `"2h"`.
        until: the moment, in place of `duration`: a datetime, ISO text, a path in the state such as
            `"results.order.ship_on"`, or a function of the state.
        gives: the type of a signal that ends it early; None where only the time does.
        then: the node to go to next; a workflow fills it in.

    Raises:
        DesignError: neither or both of `duration` and `until`, or one that cannot be read.
    """

    duration: str | float | None = None
    until: Moment | Callable[[Mapping[str, Any]], Moment] | None = None
    gives: Any = None
    then: str = ""

    writes = frozenset({"results", "decisions", "kept", "run"})
    asks = True

    def __post_init__(self) -> None:
        if (self.duration is None) == (self.until is None):
            raise DesignError(
                "Wait: give a duration, as Wait(duration='2h'), or a moment, as "
                "Wait(until='results.order.ship_on')"
            )
        seconds(self.duration)
        until = self.until
        if until is not None and not callable(until) and not _is_path(until):
            try:
                _moment(until)
            except ContractBroken as problem:
                raise DesignError(str(problem)) from problem
        check_answers("Wait(until=)", self.until)
        try:
            adapter(self.gives)
        except Exception as problem:
            raise DesignError(f"Wait(gives={self.gives!r:.60}) cannot be checked") from problem

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the node to go to next."""
        return (self.then,) if self.then else ()

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Stop until the time has come, and go on."""
        yield from ()
        if not self.then:
            raise DesignError("Wait: give then=..., the node to go to when the time has come")
        task = current_task("wait")
        timers = kept(state, "timer")
        mine = timers.get(task.path)
        due = self._due(state) if mine is None else float(mine["due"])
        # LangGraph holds all branches up while one asks. So it asks only when nothing else has
        # happened since its last look, and of several timers only the first does.
        others = sorted(at for at in timers if at != task.path)
        still = digest([_seen(state), others])
        asks = mine is not None and mine["still"] == still and _is_first(task.path, due, timers)
        if now() >= due:
            late = [a for a in answer_given() if not _is_wake(a)] if asks else []
            return self._over(task, due, Signal(answer="wake"), late)
        if not asks:
            note = keep("timer", task.path, {"due": due, "still": still})
            return Command(goto=task.node, update={"kept": note})
        answer = ask(task, state, self._packet(task, due), self._schema(task, due))
        if isinstance(answer, Command):
            return answer
        return self._over(task, due, answer)

    def _due(self, state: Mapping[str, Any]) -> float:
        if self.until is None:
            return now() + (seconds(self.duration) or 0.0)
        given = self.until
        if callable(given):
            return _moment(given(state), name_of(given))
        if _is_path(given):
            found = value_at(state, given)
            if found is MISSING:
                raise ContractBroken(f"Wait(until={given!r}): the state has nothing there")
            return _moment(found, given)
        return _moment(given)

    def _packet(self, task: Task, due: float) -> dict[str, Any]:
        return {
            "timer": task.node,
            "until": due,
            "why_asked": f"waits until {utc(due).removeprefix('at ')}",
            "signal": self.gives is not None,
        }

    def _schema(self, task: Task, due: float) -> type[Signal]:
        gives = self.gives

        class Answer(Signal):
            @model_validator(mode="before")
            @classmethod
            def _read(cls, data: Any) -> Any:
                ours = isinstance(data, Mapping) and data.get("answer") in ("wake", "signal")
                return data if ours else {"answer": "signal", "value": data}

            @model_validator(mode="after")
            def _fits(self) -> Self:
                if self.answer == "wake" and now() < due:
                    raise ValueError(f"the timer {task.node!r} ends {utc(due)}")
                if self.answer == "signal":
                    if gives is None:
                        raise ValueError(
                            f"the timer {task.node!r} takes no signal; give Wait(gives=)"
                        )
                    self.value = plain(adapter(gives).validate_python(self.value))
                return self

        return Answer

    def _over(
        self, task: Task, due: float, answer: Signal, late: Sequence[Any] = ()
    ) -> Command[str]:
        ended = f"the time ended {utc(due)}"
        if late:
            ended += f"; an answer that came after it is not used: {one_line(late[0])}"
        decision = Decision(
            kind="answer",
            node=task.node,
            choice=answer.answer,
            reason=ended if answer.answer == "wake" else "a signal came",
            by="rule" if answer.answer == "wake" else "person",
            who=answer.by,
        )
        update: dict[str, Any] = {
            "kept": keep("timer", task.path, None),
            "decisions": [plain(decision)],
        }
        if self.gives is not None:
            by_time = answer.answer == "wake"
            result = {"by": "time"} if by_time else {"by": "signal", "value": answer.value}
            update["results"] = {task.node: result}
        return Command(goto=self.then, update=update)


def _is_wake(answer: Any) -> bool:
    return isinstance(answer, Mapping) and answer.get("answer") == "wake"


class Signal(BaseModel):
    """Answer a timer: its time has come, or a signal ends it early."""

    model_config = ConfigDict(extra="ignore")

    answer: Literal["wake", "signal"]
    value: Any = None
    by: str = ""


def _is_path(until: Any) -> TypeGuard[str]:
    return isinstance(until, str) and not until[:1].isdigit()


def _moment(given: Any, source: str = "") -> float:
    """Read a moment.

    Raises:
        ContractBroken: it is none.
    """
    where = f"{source}: " if source else ""
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError as problem:
            raise ContractBroken(
                f"Wait(until=): {where}{given!r:.40} is no moment; give ISO text, as "
                "'2026-03-01 09:00', or seconds since the epoch"
            ) from problem
    if isinstance(given, datetime):
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not FIRST <= given <= LAST:
        raise ContractBroken(
            f"Wait(until=): {where}{given!r:.40} is no moment; give a datetime, ISO text, or "
            "seconds since the epoch that a calendar has"
        )
    return float(given)


def _seen(state: Mapping[str, Any]) -> Any:
    """Give what changes in the state as long as another branch goes on."""
    notes = {
        at: note for at, note in (state.get("kept") or {}).items() if not at.startswith("timer ")
    }
    return [notes, *(state.get(key) or {} for key in ("results", "actions", "spent", "remedies"))]


def _is_first(path: str, due: float, timers: Mapping[str, Any]) -> bool:
    """Say whether a timer ends before all others of its graph."""
    graph = path.rpartition("/")[0]
    others = [
        (float(note["due"]), at)
        for at, note in timers.items()
        if at != path and at.rpartition("/")[0] == graph
    ]
    return all((due, path) < other for other in others)
