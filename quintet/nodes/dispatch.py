"""Dispatch events to the handlers that take them, in waves, until nothing is left to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from langgraph.types import Command, Send

from quintet.errors import DesignError
from quintet.nodes.core.actions import of_this_run, todo
from quintet.nodes.core.call import Logic
from quintet.nodes.core.kept import check_run, kept
from quintet.nodes.core.node import Node, one_line
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.events.emitted import shown
from quintet.nodes.events.flow import Flow, identity_of, slot_of, types_of
from quintet.nodes.events.intake import Intake
from quintet.nodes.events.lanes import collect
from quintet.nodes.events.memory import Memory
from quintet.nodes.route import Router
from quintet.nodes.subscribe import Subscriber
from quintet.state.budget import RESOURCES, Budget, Spending
from quintet.state.deadline import deadline_of
from quintet.state.decision import Decision
from quintet.state.event import type_name
from quintet.state.failure import Failure
from quintet.state.plan import step_key
from quintet.state.record import digest, plain
from quintet.state.run import run_of
from quintet.state.verdict import check_answers

SHARED = tuple(resource for resource in RESOURCES if resource not in ("handoffs", "retries"))
"""The resources that all handlers together may use up."""


def events_of(state: Mapping[str, Any]) -> Iterable[Any]:
    """Give the events that a run was begun with.

    Raises:
        DesignError: the state has none.
    """
    events = state.get("events")
    if events is None:
        raise DesignError(
            "there are no events: begin the run with deliver(...), or give Dispatcher(read=...)"
        )
    return events  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True)
class Dispatcher(Node):
    """Send events to their handlers, wave by wave, and end when nothing is left to do.

    Of one key, a handler gets one event after the other; keys go side by side. A handler gets an
    event once, by source and id. An event that nobody takes, or whose handler failed for good, is a
    dead letter. Add it with `defer=True`; `create_event_driven` does.

    Args:
        inputs: the event types that come from outside. Where it is given, a handler may take no
            others but these and what handlers emit.
        out: the event types that leave the graph: what handlers emit of them stands in the result.
        depth: the number of handlers that a cascade may go through, one after the other.
        most: the number of events of one run.
        dead: `escalate` ends a run with dead letters as escalated; `record` lists them in the
            result of a run that may be done.
        budget: `steps`, `tokens`, `money` and `seconds` bound what all handlers together may spend.
        read: a function of the state that gives the events; by default the key `events`.
        subscribers: the handlers by name; a ready-made graph fills in this and what follows.
        kinds: the event types by name.
        gate: the node that asks about proposed actions; empty where there is none.
        abort: the node that a policy of taking everything back goes to; empty for none.

    Raises:
        DesignError: a limit that is none, or that a dispatcher cannot keep, or an async `read`.
    """

    inputs: tuple[Any, ...] = ()
    out: tuple[Any, ...] = ()
    depth: int = 8
    most: int = 1000
    dead: Literal["escalate", "record"] = "escalate"
    budget: Budget = Budget()
    read: Callable[[Mapping[str, Any]], Iterable[Any]] = events_of
    subscribers: Mapping[str, Subscriber] = field(default_factory=dict)
    kinds: Mapping[str, Any] = field(default_factory=dict)
    gate: str = ""
    abort: str = ""

    writes = frozenset({"kept", "results", "decisions", "failures", "spent", "run"})

    def __post_init__(self) -> None:
        for name in ("depth", "most"):
            limit = getattr(self, name)
            if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
                raise DesignError(f"Dispatcher({name}={limit!r:.60}): give a whole number from 1")
        if self.dead not in ("escalate", "record"):
            raise DesignError(f"Dispatcher(dead={self.dead!r:.60}): give 'escalate' or 'record'")
        if not isinstance(self.budget, Budget):
            raise DesignError(f"Dispatcher(budget={self.budget!r:.60}): give a Budget")
        if idle := [r for r in self.budget.limited if r not in SHARED]:
            raise DesignError(
                f"Dispatcher(budget=Budget({idle[0]}=...)): it bounds cascades by depth= and "
                "most=, and retries by the recovery's own budget"
            )
        check_answers("Dispatcher(read=)", self.read)
        for name in ("inputs", "out"):
            kinds = getattr(self, name)
            if isinstance(kinds, Mapping | int | float) or kinds in (None, ""):
                raise DesignError(f"Dispatcher({name}={kinds!r:.60}): give types of events")
            kinds = tuple(kinds) if isinstance(kinds, list | tuple | set) else (kinds,)
            object.__setattr__(self, name, kinds)

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the handlers, the gate, and the ends."""
        ends = [name for name in (self.gate, self.abort) if name]
        return (*self.subscribers, *ends, "finish", "person")

    def takers(self, type: str) -> list[str]:
        """Name the handlers that take events of a type."""
        return [
            name
            for name, subscriber in self.subscribers.items()
            if type in map(type_name, subscriber.on)
        ]

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[Any]]:
        """Take what has come and what was done; send out what is ready, or end."""
        task = current_task("dispatch")
        known, run = kept(state, "events").get(task.path), run_of(state)
        begins = known is None or bool(known["over"])
        if known is not None and not begins:
            check_run(task.node, known, run)
        visit = _Visit(
            dispatcher=self,
            task=task,
            state=state,
            flow=Flow(run=run) if known is None or begins else Flow.read(known),
            memory=Memory(task=task, run=run),
        )
        return (yield from visit.logic(begins=begins))


@dataclass(kw_only=True)
class _Visit:
    """Do one visit of the dispatcher."""

    dispatcher: Dispatcher
    task: Task
    state: Mapping[str, Any]
    flow: Flow
    memory: Memory

    def __post_init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.more: dict[str, Any] = {}

    def logic(self, *, begins: bool) -> Logic[Command[Any]]:
        dispatcher, flow = self.dispatcher, self.flow
        intake = Intake(dispatcher=dispatcher, flow=flow, memory=self.memory, record=self._record)
        if begins:
            yield from intake.take(dispatcher.read(self.state))
        else:
            ended = collect(flow, self.state, dispatcher.subscribers)
            if ended.moved and ended.seen != flow.looked:
                # A fallback may still be running: `defer` waits for edges, not for `Send`.
                flow.looked = ended.seen
                return Command(goto=self.task.node, update=flow.update(self.task.path))
            ended.settle(flow, self._bury)
            self.more |= ended.notes
            if ended.abort and dispatcher.abort:
                return (yield from self._end(ended.abort))
            yield from intake.follow(ended.emitted)
        self._stop()
        if ready := flow.ready(dispatcher.subscribers):
            return self._send(ready)
        return (yield from self._idle())

    def _send(self, ready: list[dict[str, Any]]) -> Command[Any]:
        flow, dispatcher = self.flow, self.dispatcher
        flow.wave, flow.looked = flow.wave + 1, ""
        shared = {key: value for key, value in self.state.items() if key not in _OWN}
        bare = {key: shared[key] for key in ("run", "remedies", "behalf") if key in shared}
        sends = []
        for lane in ready:
            step = self._step(lane)
            if held := dispatcher.budget.held(self.task.node):
                step["held"] = held
            flow.lanes[step_key(step)] = {**lane, "step": step["id"]}
            given = shared if dispatcher.subscribers[lane["to"]].alone else bare
            sends.append(Send(lane["to"], {**given, "step": step}))
        return Command(goto=sends, update=self._update())

    def _step(self, lane: Mapping[str, Any]) -> dict[str, Any]:
        """Give a lane as the step that a worker, and recovery, report back about."""
        events = lane["calls"][0]
        inputs: dict[str, Any] = {}
        for event in events:
            inputs |= event["data"] if isinstance(event["data"], dict) else {}
        several = len(events) > 1 or bool(self.dispatcher.subscribers[lane["to"]].batch)
        inputs |= {"events": events} if several else {"event": events[0]}
        return {
            "id": slot_of(lane["to"], lane["key"]),
            "goal": inputs.get("goal", ""),
            "assignee": lane["to"],
            "after": [],
            "inputs": inputs,
            "key": lane["key"],
            "calls": lane["calls"],
            "planner": self.task.node,
            "path": self.task.path,
            "version": self.flow.wave,
            "stood": [],
        }

    def _stop(self) -> None:
        """Make what waits dead letters where the run's time, or a budget, is used up."""
        if not self.flow.queue:
            return
        deadline = deadline_of(run_of(self.state))
        late = None if deadline is None else deadline.passed
        reached = late or self.dispatcher.budget.over(
            cast(Spending, self.state.get("spent") or {}), of=SHARED
        )
        if reached is None:
            return
        for item in self.flow.queue:
            for event in item["events"]:
                self._bury(event, f"budget reached, {reached}", item["to"])
        self.flow.queue = []
        failure = Failure(
            node=self.task.node,
            kind="permanent",
            error="BudgetExhausted",
            message=f"{self.task.node}: budget reached, {reached}",
        )
        self.more["failures"] = [plain(failure)]

    def _idle(self) -> Logic[Command[Any]]:
        """Ask about proposed actions, or end: no handler has anything to do."""
        items = of_this_run(self.state)
        open_now = digest(sorted(at for at, item in items.items() if todo((item,))))
        if self.dispatcher.gate and todo(items.values()) and open_now != self.flow.asked:
            self.flow.asked = open_now
            return Command(goto=self.dispatcher.gate, update=self._update())
        return (yield from self._end(""))

    def _end(self, abort: str) -> Logic[Command[Any]]:
        flow = self.flow
        for item in flow.queue:
            for event in item["events"]:
                self._bury(event, "the run was aborted before", item["to"])
        flow.queue = []
        yield from self._leave_waits()
        if not abort:
            yield from self.memory.write(self._handled(), flow.seen)
        flow.over = True
        summary = self._summary()
        flow.told = digest(summary)
        why = self._why()
        if why and not abort:
            self._record("escalation", "person", why)
        update = self._update()
        update["results"] = {self.task.node: summary}
        return Command(goto=abort or ("person" if why else "finish"), update=update)

    def _handled(self) -> dict[str, list[str]]:
        """Give what later runs must know: who has handled the events that may come again."""
        flow = self.flow
        dead = {identity_of(each["event"]) for each in flow.dead if each["event"].get("id")}
        again = dead.union(flow.named)
        return {
            # A router has an event once more where whoever it passed that on to has failed.
            name: [i for i in ids if i in again and not (i in dead and self._routes(name))]
            for name, ids in flow.handled.items()
        }

    def _routes(self, name: str) -> bool:
        return isinstance(self.dispatcher.subscribers[name].handler, Router)

    def _leave_waits(self) -> Logic[None]:
        """Leave what still waits to the thread's next run, or make it dead letters."""
        for at, slot in list(self.flow.waits.items()):
            subscriber = self.dispatcher.subscribers[slot["to"]]
            if subscriber.collect is not None and subscriber.collect.carry:
                yield from self.memory.write_wait(at, slot)
                continue
            for event in slot["events"]:
                lacks = subscriber.missing(types_of(slot["events"]))
                self._bury(event, f"it waits for {lacks} more, which did not come", slot["to"])
            self.flow.waits[at] = {**slot, "events": []}

    def _why(self) -> str:
        """Say why a person must look at this run, or give an empty text."""
        why = [f"a cascade went round: {loop}" for loop in dict.fromkeys(self.flow.loops)]
        if self.dispatcher.dead == "escalate":
            why += [_letter(letter) for letter in self.flow.dead]
        why += [
            f"action {at} failed: {one_line(item.get('result'), 200)}"
            for at, item in of_this_run(self.state).items()
            if item["status"] == "failed"
        ]
        more = f"; and {len(why) - FEW} more" if len(why) > FEW else ""
        return "; ".join(why[:FEW]) + more

    def _summary(self) -> dict[str, Any]:
        """Give what has become of the events, as the dispatcher's own result."""
        flow = self.flow
        counts = {name: flow.counts.get(name, 0) for name in ("taken", "made", "absorbed", "late")}
        return {
            "events": counts["taken"],
            "handled": counts["made"],
            "absorbed": counts["absorbed"],
            "late": counts["late"],
            "dead": flow.dead,
            "waits": flow.waiting(),
            "out": flow.out,
        }

    def _bury(self, envelope: Mapping[str, Any], why: str, at: str = "") -> None:
        letter = self.flow.bury(envelope, why, at)
        kind = "escalation" if self.dispatcher.dead == "escalate" else "contract"
        self._record(kind, "dead letter", _letter(letter))

    def _record(self, kind: Any, choice: str, reason: str) -> None:
        decision = Decision(kind=kind, node=self.task.node, choice=choice, reason=reason[:1000])
        self.records.append(plain(decision))

    def _update(self) -> dict[str, Any]:
        update = self.flow.update(self.task.path)
        update = {**self.more, **update, "kept": {**self.more.get("kept", {}), **update["kept"]}}
        if self.records:
            update["decisions"] = self.records
        return update


FEW = 5
"""The reasons that an outcome tells at length."""

_OWN = frozenset({"plan", "kept", "decisions", "failures", "results", "events", "step", "outcome"})


def _letter(letter: Mapping[str, Any]) -> str:
    at = f" at {letter['at']}" if letter.get("at") else ""
    return f"dead letter {shown(letter['event'])}{at}: {one_line(letter['why'], 200)}"
