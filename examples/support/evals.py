"""Build the support desk's suite: its labelled messages, each on a shop of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from langgraph.graph import StateGraph

from quintet.evals import Case, Gate, GraphTarget, Suite, Trajectory
from quintet.nodes import Worker
from quintet.runs import Run, approve, reject
from quintet.state import checkpointer

from .demo import lead, messages
from .desk import learned, support_desk
from .seed import build
from .shop import Shop

WRITES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "refunds": ("issue_refund", ("order_id", "amount")),
    "returns": ("open_return", ("order_id", "items")),
    "address_changes": ("change_address", ("order_id", "address")),
    "resends": ("resend", ("order_id",)),
}
"""By ledger: the write that fills it, and the arguments that a label names."""

GATES = (
    Gate(metric="routing_accuracy", at_least=0.92),
    Gate(metric="missed_escalations", at_most=0.15),
    Gate(metric="needless_escalations", at_most=0.08),
    Gate(metric="silent_failure_rate", none=True),
    Gate(metric="forbidden_actions", none=True),
    Gate(metric="duplicate_effects", none=True),
    Gate(metric="silent_ends", none=True),
)


def cases() -> tuple[Case, ...]:
    """Turn the labelled messages into cases."""
    return tuple(map(_case, messages()))


def _case(message: Mapping[str, Any]) -> Case:
    several = isinstance(message["route"], list)
    actions = [action for action in _listed(message["action"]) if action]
    expected = {action["name"] for action in actions}
    return Case(
        id=message["id"],
        input={"message": message["message"], "behalf": message["sender"]},
        route=("plan",) if several else message["route"],
        plan=[name if name != "person" else "clerk" for name in message["route"]]
        if several
        else None,
        outcome=message["outcome"],
        escalate=message["outcome"] == "escalated",
        approval=any(_listed(message["approval"])),
        never=[name for name, _ in WRITES.values() if name not in expected],
        state={"written": _sorted(actions)},
        tags=message["tags"],
    )


def written(shop: Shop) -> list[dict[str, Any]]:
    """List the writes not taken back, from the shop's own books, whatever the desk says."""
    return _sorted(
        [
            {"name": write, **{name: entry[name] for name in names}}
            for ledger, (write, names) in WRITES.items()
            for entry in shop.ledger(ledger)
            if entry["status"] != "void"
        ]
    )


Change = Callable[[StateGraph[Any]], StateGraph[Any]]


def same(graph: StateGraph[Any]) -> StateGraph[Any]:
    """Return the desk's graph as it is."""
    return graph


def merged(workers: Mapping[str, Worker]) -> Worker:
    """Merge several specialists into one: the first that can settle a request does.

    A specialist that hands a request to a person has done nothing, so the next one may try.
    """

    def agent(request: Any, tools: Any) -> Any:
        answers = (worker.agent(request, tools) for worker in workers.values())
        first = next(answers)
        tried = chain([first], answers)
        return next((answer for answer in tried if not answer.get("escalate")), first)

    return replace(next(iter(workers.values())), agent=agent)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Run a case as a target: it gets a shop, a desk over it, and the declared lead.

    Args:
        folder: the shops' folder; each case gets a copy of the `shop.db` in it.
        change: a change of the desk's graph before it is compiled, for ablations and faults.
        options: passed on to `support_desk`.
    """

    folder: Path
    change: Change = same
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, case: Case) -> Trajectory:
        """Run one message."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            shop = Shop(shutil.copy(self.folder / "shop.db", folder))
            return target(shop, self.change, **self.options)(case)


def target(shop: Shop, change: Change = same, **options: Any) -> GraphTarget:
    """Make the desk over one shop a target, which also observes the writes in the shop's books."""

    def answer(packet: Mapping[str, Any]) -> Any:
        say = approve if lead(shop, packet) == "approve" else reject
        return say(by="lena", note="as policy says")

    def observe(run: Run) -> dict[str, Any]:
        return {"state": {"written": written(shop)}}

    graph = change(support_desk(shop, wait=0.0, **options))
    app = graph.compile(checkpointer=checkpointer("memory://"))
    return GraphTarget(app=app, person=answer, observe=observe)


@contextmanager
def suite() -> Iterator[Suite]:
    """Yield the suite, with its shops in a folder that is removed afterwards."""
    learned()  # fitted once, not while the first cases wait for it
    with tempfile.TemporaryDirectory(prefix="quintet-shops-") as folder:
        build(Path(folder) / "shop.db")
        yield Suite(name="support", cases=cases(), target=Desk(folder=Path(folder)), gates=GATES)


def _listed(label: Any) -> list[Any]:
    return label if isinstance(label, list) else [label]


def _sorted(actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(actions, key=lambda action: (action["name"], action["order_id"]))
