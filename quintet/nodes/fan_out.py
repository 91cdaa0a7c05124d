"""Send a task out to several branches: to all, to those that are chosen, or one for each item."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sized
from dataclasses import dataclass
from itertools import islice
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.types import Command, Send

from quintet.errors import ContractBroken, DesignError, UnknownRoute
from quintet.nodes.agents.meter import call_counted
from quintet.nodes.choosers.choose import Choice
from quintet.nodes.choosers.model import name_of_model
from quintet.nodes.choosers.several import choose_several
from quintet.nodes.core.call import Logic
from quintet.nodes.core.duration import seconds
from quintet.nodes.core.joined import OWN, at_join, round_of
from quintet.nodes.core.kept import keep
from quintet.nodes.core.node import Node, one_line
from quintet.nodes.core.reckon import counted
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.route import text_of
from quintet.state.decision import DecidedBy, Decision
from quintet.state.own import own
from quintet.state.record import plain
from quintet.state.run import run_of
from quintet.state.verdict import check_answers, name_of

ITEMS = 100
"""The most items that one fan-out sends out by default."""


@dataclass(frozen=True, kw_only=True)
class FanOut(Node):
    """Say which branches get a task, and how they run.

    In `create_parallel` all workers are branches, and this node is in the graph only where `choose`
    or `each` is given.

    Args:
        to: the nodes that are branches, or a mapping of these nodes to their purposes; by default
            all workers that are not fallbacks.
        choose: which branches run: a function of the state, plain or async, that returns their
            names, or None for "I abstain"; or a chat model.
        each: a function of the state, plain or async, that returns items. The one branch gets each,
            as `inputs` that its contract may need; an item that is no dict is the input `item`. The
            results are `read#1`, `read#2` and so on, in the order of the items.
        width: how many branches may be at work at once in one process.
        deadline: how long each branch may take, its retries included; or a mapping by branch.
        read: a function of the state that gives the text that a chat model chooses by.
        most: the most items; more are an error, and none is left out.
        join: the node where the branches meet.
        otherwise: the node to go to where no branch is chosen, or there are no items.

    Raises:
        DesignError: a width or a bound under 1, a deadline that is none, both `choose` and `each`,
            or an async `read`.
    """

    to: tuple[str, ...] | Mapping[str, str] = ()
    choose: Callable[[Mapping[str, Any]], Any] | BaseChatModel | None = None
    each: Callable[[Mapping[str, Any]], Any] | None = None
    width: int | None = None
    deadline: str | float | Mapping[str, str | float] | None = None
    read: Callable[[Mapping[str, Any]], str] = text_of
    most: int = ITEMS
    join: str = "join"
    otherwise: str = "person"

    writes = frozenset({"kept", "decisions", "results", "spent", "run"})

    def __post_init__(self) -> None:
        if isinstance(self.to, str):
            raise DesignError(f"FanOut(to={self.to!r}): give a tuple of names, ({self.to!r},)")
        for name in ("width", "most"):
            number = getattr(self, name)
            whole = isinstance(number, int) and not isinstance(number, bool)
            if number is not None and not (whole and number >= 1):
                raise DesignError(f"FanOut({name}={number!r}): give a whole number from 1")
        if self.choose is not None and self.each is not None:
            raise DesignError(
                "FanOut(choose=, each=): give one of them; `each` may itself leave items out"
            )
        if self.each is not None and len(self.to) > 1:
            raise DesignError(
                f"FanOut(each=, to={tuple(self.to)!r}): items go to one worker; name that one"
            )
        check_answers("FanOut(read=)", self.read)
        for name in self.deadline if isinstance(self.deadline, Mapping) else ():
            self.seconds_of(name)
        if not isinstance(self.deadline, Mapping):
            self.seconds_of("")

    @property
    def decides(self) -> bool:
        """Say whether something is to be decided before the branches run."""
        return self.choose is not None or self.each is not None

    def seconds_of(self, branch: str) -> float | None:
        """Give the seconds that a branch may take; None for any time."""
        deadline = self.deadline
        return seconds(deadline.get(branch) if isinstance(deadline, Mapping) else deadline)

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the branches, their join, and the node for no branch."""
        return tuple(dict.fromkeys((*self.to, self.join, self.otherwise)))

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[Any]]:
        """Choose the branches or list the items, and send them out."""
        task = current_task("fan_out")
        return (yield from counted(task, self._send(task, state), run_of(state)))

    def _send(self, task: Task, state: Mapping[str, Any]) -> Logic[Command[Any]]:
        at = at_join(task.path, self.join)
        if self.each is not None:
            items = yield from call_counted(self.each, own(dict(state)))
            # Of an earlier round, which may have had more items.
            old = numbers(state, "".join(self.to))
            sends = self._sends(task, self._listed(items), state, old)
            names = tuple(send.arg["step"]["id"] for send in sends)
            record = self._record(task, names, f"{len(names)} items", who=name_of(self.each))
            return self._on(at, sends, names, record, old)
        names, reason, by, who = yield from self._chosen(state)
        return self._on(at, list(names), names, self._record(task, names, reason, by=by, who=who))

    def _chosen(
        self, state: Mapping[str, Any]
    ) -> Logic[tuple[tuple[str, ...], str, DecidedBy, str]]:
        if isinstance(self.choose, BaseChatModel):
            about = self.to if isinstance(self.to, Mapping) else dict.fromkeys(self.to, "")
            chosen, why = yield from choose_several(self.choose, about, self.read(state))
            return chosen, why, "model", name_of_model(self.choose)
        if self.choose is None:
            return tuple(self.to), "all branches", "rule", ""
        chosen = yield from call_counted(self.choose, own(dict(state)))
        if isinstance(chosen, Choice):
            return self._known((chosen.to,)), chosen.reason, chosen.by, chosen.who
        names = [] if chosen is None else [chosen] if isinstance(chosen, str) else chosen
        if isinstance(names, Mapping) or not isinstance(names, Iterable):
            raise UnknownRoute(
                f"{name_of(self.choose)} chose {chosen!r:.60}; give a list of branches' names "
                f"({', '.join(self.to)}), or None"
            )
        return self._known(tuple(names)), "", "rule", name_of(self.choose)

    def _known(self, names: tuple[Any, ...]) -> tuple[str, ...]:
        if unknown := [name for name in names if name not in self.to]:
            raise UnknownRoute(
                f"{name_of(self.choose)} chose {unknown[0]!r}, which is no branch "
                f"({', '.join(self.to)})"
            )
        return tuple(name for name in self.to if name in names)

    def _listed(self, items: Any) -> list[Any]:
        if isinstance(items, str | bytes | Mapping) or not isinstance(items, Iterable):
            raise ContractBroken(
                f"FanOut(each=): {name_of(self.each)} returned {items!r:.60}, which is no list of "
                "items",
                side="needs",
            )
        listed: list[Any] = [*islice(items, self.most + 1)]  # there may be no end of them
        if len(listed) > self.most:
            number = str(len(items)) if isinstance(items, Sized) else f"more than {self.most}"
            raise ContractBroken(
                f"FanOut(each=): {number} items, and {self.most} are the most; give fewer, or "
                "raise most=",
                side="needs",
            )
        return listed

    def _sends(
        self, task: Task, items: list[Any], state: Mapping[str, Any], old: Collection[str]
    ) -> list[Send]:
        [name] = self.to
        shared = {key: value for key, value in state.items() if key not in OWN}
        results = {k: v for k, v in (state.get("results") or {}).items() if k not in old}
        if old:
            shared["results"] = results
        number = round_of(state, at_join(task.path, self.join))
        own = {"path": task.path, "stood": [*results], "round": number}
        sends = []
        for position, item in enumerate(items, start=1):
            inputs = item if isinstance(item, Mapping) else {"item": item}
            step = {"id": f"{name}#{position}", "inputs": plain(inputs), **own}
            sends.append(Send(name, {**shared, "step": step}))
        return sends

    def _on(
        self,
        at: str,
        goto: Any,
        names: tuple[str, ...],
        record: dict[str, Any],
        old: Collection[str] = (),
    ) -> Command[Any]:
        update: dict[str, Any] = {"decisions": [record]}
        if old:
            update["results"] = dict.fromkeys(old)
        if not names:
            why = f"nothing was sent out: {record['reason']}"
            record |= {"kind": "escalation", "choice": self.otherwise, "reason": why}
            return Command(goto=self.otherwise, update=update)
        return Command(goto=goto, update={**update, "kept": keep("fan", at, list(names))})

    def _record(
        self,
        task: Task,
        names: tuple[str, ...],
        reason: str,
        *,
        by: DecidedBy = "rule",
        who: str = "",
    ) -> dict[str, Any]:
        decision = Decision(
            kind="route",
            node=task.node,
            choice=one_line(", ".join(names) or "none"),
            reason=reason or "chosen",
            by=by,
            who=who,
            candidates=tuple(self.to),
        )
        return plain(decision)  # type: ignore[no-any-return]


def numbered(state: Mapping[str, Any], name: str) -> list[Any]:
    """Give the results of a worker that was sent several items, in the order of the items.

    An item whose branch gave no result is left out.

    Raises:
        DesignError: it is no state.
    """
    if not isinstance(state, Mapping):
        raise DesignError(f"numbered({type(state).__name__}): give the state, as run.values")
    return [state["results"][key] for key in numbers(state, name)]


def numbers(state: Mapping[str, Any], name: str) -> list[str]:
    """Name the results of a worker's items, in the order of the items."""
    at = {
        int(number): key
        for key in state.get("results") or {}
        if (number := key.removeprefix(f"{name}#")) != key and number.isdecimal()
    }
    return [at[number] for number in sorted(at)]
