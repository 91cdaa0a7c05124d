"""Run a node as one of several branches: within a width, in its time, and until others have won."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_type_hints

from langgraph.errors import GraphInterrupt
from langgraph.types import Command
from typing_extensions import is_typeddict

from quintet.errors import BudgetExhausted, ContractBroken
from quintet.nodes.core.attempt import current
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.cut import Cut, CutCall, Overdue
from quintet.nodes.core.function import FunctionNode
from quintet.nodes.core.gathering import GRACE, Gathering, meet, part
from quintet.nodes.core.joined import at_join, round_of
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.late import write_late
from quintet.nodes.core.left import left_behind
from quintet.nodes.core.node import values
from quintet.nodes.core.returned import parts_of
from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import Task, current_task
from quintet.state.decision import Decision
from quintet.state.failure import StepFailed
from quintet.state.journal.found import Place, find_place
from quintet.state.record import plain
from quintet.state.run import run_of

log = logging.getLogger("quintet")

TASKS_KNOWN = 4096


@dataclass(frozen=True, kw_only=True)
class Branch:
    """Say how a node takes part in a fan-out. Filled in by `create_parallel`.

    Args:
        join: the node where the branches meet.
        of: the number of branches, where it is known.
        need: the number of results that decide the join; 0 where it waits for all.
        width: how many branches may be at work at once; None for all.
        seconds: how long this branch may take, its retries included; None for any time.
    """

    join: str
    of: int = 0
    need: int = 0
    width: int | None = None
    seconds: float | None = None

    @property
    def cuts(self) -> bool:
        """Say whether a call of it may end early."""
        return bool(self.need or self.seconds is not None)

    def seat(self, task: Task, state: Mapping[str, Any], *, goes: bool) -> Seat:
        """Take part for one visit; `goes` says whether the node names its next node itself."""
        return Seat(branch=self, task=task, state=state, goes=goes)


@dataclass(kw_only=True)
class Seat:
    """Take part in a fan-out for one visit of a branch's node."""

    branch: Branch
    task: Task
    state: Mapping[str, Any]
    goes: bool
    gathering: Gathering = field(default_factory=Gathering)
    has_turn: bool = False
    wins: bool = False

    def __post_init__(self) -> None:
        step = SentStep.of(self.state)
        self.step: Mapping[str, Any] = step.record
        self.name = step.id or self.task.node
        self.at = at_join(self.task.path, self.branch.join)
        self.round = round_of(self.state, self.at)
        run = run_of(self.state)
        self.subject = f"fan {run} {self.at} {self.round}"

    @property
    def note(self) -> str:
        """Name the note that says how this branch has ended."""
        return f"{self.at}:{self.name}"

    def work(self, logic: Logic[Any]) -> Logic[Any]:
        """Do the branch's work, and say how it has ended."""
        around = current.get()
        self.place: Place = (
            find_place(self.task.thread, self.task.superstep, self.task.superstep)
            if around is None
            else around.place
        )
        if not self.place.shared and (run := run_of(self.state)):
            # A fallback, and one that has asked a person, comes in a later superstep.
            self.place = replace(self.place, thread=f"run {run}")
        key = (self.place.thread, self.task.around, self.subject)
        self.gathering = meet(key, self)
        try:
            return (yield from self._within(logic))
        finally:
            logic.close()
            self.gathering.change(self._leave)
            part(key, self)

    def _within(self, logic: Logic[Any]) -> Logic[Any]:
        branch, gathering = self.branch, self.gathering
        gathering.change(lambda: gathering.entered.add(self.name))
        if branch.need:
            yield from self._look()
        if branch.width is not None:
            yield from self._wait(self._turn)
        try:
            result = yield from logic
        except Cut:
            return self._dropped("cut", left_behind(self.task.id, {}))
        except GraphInterrupt:
            _started.pop(self.task.id, None)  # waiting for a person is not the branch's time
            if not branch.need or self.wins or not (yield from self._held_back()):
                raise
            return self._dropped("cut", left_behind(self.task.id, {}))
        except StepFailed as problem:
            if not gathering.decided or self.wins:
                raise
            return self._dropped("cut", problem.update)
        return (yield from self._counted(result)) if branch.need else self._ended(result)

    def _counted(self, result: Any) -> Logic[Any]:
        """Take a result for the join, unless it comes late; a question to the customer is none."""
        update = _update_of(result)
        if _asks(update) and not self.wins:
            if (yield from self._held_back()):
                return self._dropped("cut", _deeds(update))
        elif not _is_paused(result) and not (yield from self._won()):
            yield from self._late_call(update.get("results"))
            return self._dropped("late", _deeds(update))
        return self._ended(result)

    def cut(self, call: Call) -> Call:
        """Give a call of this branch in the form that ends early.

        Raises:
            Cut: the join is decided already.
            BudgetExhausted: the branch's time is up.
        """
        branch = self.branch
        if not branch.cuts:
            return call
        gathering = Gathering() if self.wins else self.gathering
        if gathering.decided:
            raise Cut
        left = None
        if branch.seconds is not None:
            left = branch.seconds - (time.monotonic() - _start_of(self.task.id))
            if left <= 0:
                raise self._overdue()
        made = CutCall(call=call, gathering=gathering, left=left, late=self._late).as_call()
        return replace(made, target=self._timed(made.run), awaitable=self._atimed(made.arun))

    def _timed(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def timed() -> Any:
            try:
                return run()
            except Overdue:
                raise self._overdue() from None

        return timed

    def _atimed(self, arun: Callable[..., Any]) -> Callable[..., Any]:
        async def timed() -> Any:
            try:
                return await arun()
            except Overdue:
                raise self._overdue() from None

        return timed

    def _overdue(self) -> BudgetExhausted:
        return BudgetExhausted(
            f"{self.name}: branch deadline reached: it may take {self.branch.seconds:g} s"
        )

    # The functions below that take no arguments are called under the gathering's lock.

    def _turn(self) -> bool:
        gathering = self.gathering
        if gathering.decided or self.has_turn:
            return True
        if self.branch.width is None or gathering.running < self.branch.width:
            gathering.running += 1
            self.has_turn = True
        return self.has_turn

    def _leave(self) -> None:
        self._give_turn()
        self.gathering.ended.add(self.name)
        self.gathering.asking.discard(self.name)

    def _give_turn(self) -> None:
        if self.has_turn:
            self.gathering.running -= 1
            self.has_turn = False

    def _ask(self) -> None:
        self._give_turn()
        self.gathering.asking.add(self.name)

    def _alone(self) -> bool:
        gathering = self.gathering
        return gathering.decided or gathering.entered <= (gathering.ended | gathering.asking)

    def _all_in(self) -> bool:
        return self.gathering.decided or len(self.gathering.entered) >= self.branch.of

    def _wait(self, ready: Callable[[], bool], seconds: float | None = None) -> Logic[None]:
        gathering = self.gathering
        yield Call(gathering.until, (ready, seconds), awaitable=gathering.auntil)

    def _held_back(self) -> Logic[bool]:
        """Hold a question back while a sibling may still decide; say whether one has."""
        gathering = self.gathering
        gathering.change(self._ask)
        yield from self._wait(self._all_in, GRACE)
        yield from self._wait(self._alone)
        return gathering.decided

    def _look(self) -> Logic[None]:
        """Read in the journal whether the join was decided before, as after a crash."""
        names = yield Call(self._names, (), blocks=True)
        self._decide_by(names)

    def _won(self) -> Logic[bool]:
        """Write down that this branch has a result; say whether it is among those that decide."""
        names = yield Call(self._written, (), blocks=True)
        self._decide_by(names)
        return self.wins

    def _decide_by(self, names: list[str]) -> None:
        first = names[: self.branch.need]
        # One that is among the first is run anew after a crash, and is not cut off.
        self.wins = self.name in first
        if len(first) == self.branch.need:
            self.gathering.decide()

    def _names(self) -> list[str]:
        entries = self.place.journal.read(self.place.thread, self.subject)
        return list(dict.fromkeys(str(entry.value["branch"]) for entry in entries))

    def _written(self) -> list[str]:
        names = self._names()
        if self.name in names:
            return names
        self.place.journal.append(self.place.thread, self.subject, "result", {"branch": self.name})
        return self._names()

    def _late_call(self, results: Any) -> Logic[None]:
        yield Call(self._late, (results,), blocks=True)

    def _late(self, end: Any) -> None:
        """Write down what came too late; from a thread that nobody waits for."""
        if isinstance(end, GraphInterrupt | Cut):
            return
        write_late(
            self.place, {"branch": self.name, "join": self.at, "run": run_of(self.state)}, end
        )

    def _dropped(self, status: str, update: Mapping[str, Any]) -> Any:
        """End a branch whose result is not wanted any more: what it has done stays on record."""
        why = (
            "its result came after the join was decided, and is dropped"
            if status == "late"
            else "the join was decided before it ended, and it was cut off"
        )
        decision = Decision(
            kind="merge", node=self.task.node, choice=f"{status}: {self.name}", reason=why
        )
        slot = f"{self.task.path}:{self.name}" if self.step.get("id") else self.task.path
        notes = keep("branch", self.note, {"status": status, "why": why})
        if slot in kept(self.state, "paused"):
            notes |= keep("paused", slot, None)
        records = [*update.get("decisions", ()), plain(decision)]
        _started.pop(self.task.id, None)
        whole = {**update, "decisions": records, "kept": notes}
        return Command(goto=self.branch.join, update=whole) if self.goes else whole

    def _ended(self, result: Any) -> Any:
        """Note the end of work that was taken over from another branch; else leave it as it is."""
        _started.pop(self.task.id, None)
        if not self.step.get("moved") or _is_paused(result):
            return result
        note = keep("branch", self.note, {"status": "done", "by": self.task.node})
        update = _update_of(result)
        update["kept"] = {**(update.get("kept") or {}), **note}
        return _with_update(result, update)


@dataclass(frozen=True, kw_only=True)
class BranchNode(FunctionNode):
    """Run a user's function of the state as a branch.

    Args:
        branch: how it takes part.
        takes: the type of the state that it is annotated with, None for the graph's own; LangGraph
            gives this node all of the state, for its part in the fan-out.
    """

    branch: Branch
    takes: type[Any] | None = None

    def logic(self, state: Any) -> Logic[Any]:
        """Call the function with the state."""
        seat = self.branch.seat(current_task("branch"), values(state), goes=False)
        return (yield from seat.work(self._called(seat, state)))

    def _called(self, seat: Seat, state: Any) -> Logic[Any]:
        result = self.checked((yield seat.cut(self.call(self._taken(state)))))
        if self.branch.need and not parts_of(result)[0]:
            raise ContractBroken(
                f"{seat.name} gave no result, and its join goes on with the first "
                f"{self.branch.need}; return a dict, such as {{'results': {{{seat.name!r}: ...}}}}"
            )
        return _renamed(result, seat.task.node, seat.name)

    def _taken(self, state: Any) -> Any:
        """Give the state as the function takes it."""
        if self.takes is None:
            return state
        known = values(state)
        taken = {name: known[name] for name in get_type_hints(self.takes) if name in known}
        return taken if is_typeddict(self.takes) else self.takes(**taken)


_started: OrderedDict[str, float] = OrderedDict()


def _start_of(task: str) -> float:
    """Give the moment at which a task's first attempt began its work."""
    start = _started.setdefault(task, time.monotonic())
    while len(_started) > TASKS_KNOWN:
        _started.popitem(last=False)
    return start


def _update_of(result: Any) -> dict[str, Any]:
    update = result.update if isinstance(result, Command) else result
    return dict(update) if isinstance(update, Mapping) else {}


def _with_update(result: Any, update: dict[str, Any]) -> Any:
    return replace(result, update=update) if isinstance(result, Command) else update


def _renamed(result: Any, node: str, name: str) -> Any:
    """Put the result that a function gives under its own name under that of its work.

    That is an item, or the branch whose work it has taken over.
    """
    update = _update_of(result)
    results = dict(update.get("results") or {})
    if name in results or node not in results:
        return result
    results[name] = results.pop(node)
    return _with_update(result, {**update, "results": results})


def _is_paused(result: Any) -> bool:
    """Say whether a worker has kept its work, and comes back to ask a person."""
    notes = _update_of(result).get("kept") or {}
    return any(at.startswith("paused ") and value is not None for at, value in notes.items())


def _asks(update: Mapping[str, Any]) -> bool:
    """Say whether a worker has asked the customer a question."""
    return any("text" in question for question in (update.get("questions") or {}).values())


def _deeds(update: Mapping[str, Any]) -> dict[str, Any]:
    """Give of an update what was spent and done, without results, questions and proposals."""
    actions = {
        at: item
        for at, item in (update.get("actions") or {}).items()
        if item["status"] != "proposed"
    }
    deeds = {key: update[key] for key in ("spent", "run") if key in update}
    records = [each for each in update.get("decisions", ()) if each["kind"] != "question"]
    deeds |= {"decisions": records} if records else {}
    return {**deeds, "actions": actions} if actions else deeds
