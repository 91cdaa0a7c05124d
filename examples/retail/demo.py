"""The retail demo: every recorded task through the desk, and three ways to get it wrong."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quintet.runs import Run, approve, start
from quintet.state import checkpointer

from .actions import WRITES
from .confirmations import describe
from .data import RetailData, load, recorded_actions
from .desk import customer_of, retail_desk
from .store import Store

Progress = Callable[[int, int], None]


class Logged(Store):
    """A shop that keeps a log of what was really written, apart from the graph's own records."""

    def __init__(self, db: Mapping[str, Any]) -> None:
        super().__init__(db)
        self.receipts: list[dict[str, Any]] = []

    def undo(self, receipt: Any) -> None:
        """Undo, and strike the write from the log."""
        super().undo(receipt)
        self.receipts.remove(receipt)


def _logging(name: str) -> Any:
    def write(self: Logged, **arguments: Any) -> Any:
        receipt = getattr(Store, name)(self, **arguments)
        self.receipts.append(receipt)
        return receipt

    original = getattr(Store, name)
    write.__name__, write.__doc__ = name, original.__doc__
    write.__wrapped__ = original  # type: ignore[attr-defined]
    return write


for _name in WRITES:
    setattr(Logged, _name, _logging(_name))


def converse(
    store: Store,
    task: Mapping[str, Any],
    wishes: Sequence[Mapping[str, Any]],
    *,
    confirm: bool = True,
) -> Run:
    """One conversation: the customer says yes to each action that is listed to them."""
    with checkpointer("memory://") as saver:
        app = retail_desk(store, confirm=confirm).compile(checkpointer=saver)
        given = {
            "message": str(task["user_scenario"]["instructions"].get("reason_for_call", "")),
            "behalf": customer_of(store, task, wishes),
            "wishes": [dict(wish) for wish in wishes],
        }
        run = start(app, given, thread=f"task-{task['id']}")
        while run.waiting:
            packet = run.waiting[0].packet
            listed = describe(packet["action"], packet["arguments"])
            run = run.answer(approve(by=packet["behalf"], note=f"yes: {listed}"))
        return run


def unconfirmed(store: Logged, run: Run) -> int:
    """How many of the shop's writes have no yes of their own customer on record."""
    confirmed: Counter[str] = Counter()
    for action in (run.values.get("actions") or {}).values():
        yes = action.get("approval")
        if action["status"] == "done" and yes and yes["by"] == action["behalf"]:
            confirmed[str((action["name"], sorted(action["arguments"].items())))] += 1
    written = Counter(
        str((receipt["action"], sorted(receipt["arguments"].items()))) for receipt in store.receipts
    )
    return (written - confirmed).total()


def run_demo(data: RetailData | None = None, progress: Progress | None = None) -> dict[str, Any]:
    """Replay all tasks, and try the three wrong ways on each that they apply to.

    Returns:
        `tasks`, `state_equal`, `unconfirmed_writes`, `refused` (recorded actions refused, with the
        reference's message), `outcomes`, `silent_ends`, `wrong_ways` (tried and caught), `seconds`.
    """
    data = data or load()
    began = time.perf_counter()
    tally: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    wrong: dict[str, Counter[str]] = {name: Counter() for name in WRONG_WAYS}
    different: list[str] = []
    for number, task in enumerate(data.tasks):
        expected = data.expected["tasks"][task["id"]]
        store, wishes = Logged(data.db), recorded_actions(task)
        run = converse(store, task, wishes)
        equal = store.changes() == expected["changes"]
        tally["state_equal"] += equal
        if not equal:
            different.append(task["id"])
        tally["unconfirmed_writes"] += unconfirmed(store, run)
        tally["refused"] += refusals(run) == expected.get("errors", []) and len(refusals(run))
        outcomes[run.status] += 1
        for name, way in WRONG_WAYS.items():
            wrong[name].update(way(data, task, wishes))
        if progress is not None:
            progress(number + 1, len(data.tasks))
    ended = ("done", "escalated", "rejected", "aborted", "exhausted")
    return {
        "tasks": len(data.tasks),
        "state_equal": tally["state_equal"],
        "unconfirmed_writes": tally["unconfirmed_writes"],
        "refused": tally["refused"],
        "different": different,
        "outcomes": dict(outcomes),
        "silent_ends": sum(count for status, count in outcomes.items() if status not in ended),
        "wrong_ways": {name: dict(found) for name, found in wrong.items()},
        "seconds": round(time.perf_counter() - began, 2),
    }


def refusals(run: Run) -> list[dict[str, str]]:
    """What was refused in a conversation, by recorded action, with the message."""
    report = (run.values.get("results") or {}).get("agent") or {}
    return list(report.get("refusals") or [])


def _without_confirmation(
    data: RetailData, task: Mapping[str, Any], wishes: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """The gate left out of the wiring: nothing may be written."""
    if not _changes(data, task):
        return {}
    store = Logged(data.db)
    run = converse(store, task, wishes, confirm=False)
    caught = not store.receipts and run.status == "escalated"
    return {"tried": 1, "caught": int(caught)}


def _repeated(
    data: RetailData, task: Mapping[str, Any], wishes: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """Every write asked for twice: each may be written once."""
    if not _changes(data, task):
        return {}
    twice = [again for wish in wishes for again in [wish] * (1 + (wish["name"] in WRITES))]
    store = Logged(data.db)
    converse(store, task, twice)
    once = Counter(str((r["action"], r["arguments"])) for r in store.receipts)
    equal = store.changes() == data.expected["tasks"][task["id"]]["changes"]
    return {"tried": 1, "caught": int(equal and max(once.values()) == 1)}


def _of_another(
    data: RetailData, task: Mapping[str, Any], wishes: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """The cancelling of somebody else's order slipped in first: it may not be written."""
    store = Logged(data.db)
    customer = customer_of(store, task, wishes)
    if not customer:
        return {}
    order = next(
        order["order_id"]
        for order in data.db["orders"].values()
        if order["user_id"] != customer and order["status"] == "pending"
    )
    arguments = {"order_id": order, "reason": "no longer needed"}
    foreign = {"action_id": "x", "name": "cancel_pending_order", "arguments": arguments}
    run = converse(store, task, [foreign, *wishes])
    said = [item["error"] for item in refusals(run) if item["action_id"] == "x"]
    untouched = order not in store.changes().get("orders", {})
    named = run.status == "escalated" or any("this conversation is with" in text for text in said)
    return {"tried": 1, "caught": int(untouched and named)}


def _changes(data: RetailData, task: Mapping[str, Any]) -> bool:
    return bool(data.expected["tasks"][task["id"]]["changes"])


WRONG_WAYS: Mapping[str, Callable[..., dict[str, int]]] = {
    "confirmation_removed": _without_confirmation,
    "action_repeated": _repeated,
    "another_customers_action": _of_another,
}
