"""Replay every recorded task through the retail desk, and try three ways to get it wrong."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from quintet.runs import Run, approve, start
from quintet.state import DesignError, checkpointer
from quintet.state.outcome import STATUSES

from .actions import WRITES
from .confirmations import describe
from .data import RetailData, load, recorded_actions
from .desk import customer_of, retail_desk
from .store import Store

Progress = Callable[[int, int], None]


class Logged(Store):
    """Log what is really written to the shop, apart from the graph's own records."""

    def __init__(self, db: Mapping[str, Any]) -> None:
        super().__init__(db)
        self.receipts: list[dict[str, Any]] = []

    def undo(self, receipt: Any) -> None:
        """Undo a write, and strike it from the log."""
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


def converse(app: Any, opening: Mapping[str, Any], *, thread: str | None = None) -> Run:
    """Hold one conversation: the customer says yes to each action that is listed to them."""
    ended = start(app, opening, thread=thread)
    while ended.waiting:
        packet = ended.waiting[0].packet
        listed = describe(packet["action"], packet["arguments"])
        ended = ended.answer(approve(by=packet["behalf"], note=f"yes: {listed}"))
    return ended


def said(
    store: Store, task: Mapping[str, Any], wishes: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the start of a conversation: the customer, and what they ask for."""
    return {
        "message": str(task["user_scenario"]["instructions"].get("reason_for_call", "")),
        "behalf": customer_of(store, task, wishes),
        "wishes": [dict(wish) for wish in wishes],
    }


def tried(
    store: Store,
    task: Mapping[str, Any],
    wishes: Sequence[Mapping[str, Any]],
    *,
    confirm: bool = True,
) -> Run:
    """Hold a conversation in memory, without keeping it."""
    with checkpointer("memory://") as saver:
        app = retail_desk(store, confirm=confirm).compile(checkpointer=saver)
        return converse(app, said(store, task, wishes))


def unconfirmed(store: Logged, ended: Run) -> int:
    """Count the shop's writes that have no yes of their own customer on record."""
    confirmed: Counter[str] = Counter()
    for action in (ended.values.get("actions") or {}).values():
        yes = action.get("approval")
        if action["status"] == "done" and yes and yes["by"] == action["behalf"]:
            confirmed[str((action["name"], sorted(action["arguments"].items())))] += 1
    written = Counter(
        str((receipt["action"], sorted(receipt["arguments"].items()))) for receipt in store.receipts
    )
    return (written - confirmed).total()


def run(*, url: str, progress: Progress, limit: int | None = None, **others: Any) -> dict[str, Any]:
    """Replay the recorded tasks, and try the three wrong ways on each task where they apply.

    Args:
        url: where the conversations are kept.
        progress: called with the number of tasks done, and of all tasks.
        limit: replay only this many tasks, the first ones.
        others: options of other systems; a model is refused, since the actions are recorded.

    Returns:
        A report: `cases` (tasks), `decision_accuracy` (the share with the reference's end state and
        refusals), `state_equal`, `unconfirmed_writes`, `refused` (recorded actions refused with the
        reference's message), `outcomes`, `silent_ends`, `wrong_ways` (tried and caught), `seconds`;
        `well` is true when none of it went wrong.

    Raises:
        DataMissing: the shop's data is not there.
        DesignError: a model was given.
    """
    if others.get("model"):
        raise DesignError("retail replays recorded actions: it takes no --model")
    data = load()
    began = time.perf_counter()
    tasks = data.tasks[:limit]
    stamp = time.strftime("%Y%m%d-%H%M%S")
    tally: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    wrong: dict[str, Counter[str]] = {name: Counter() for name in WRONG_WAYS}
    with checkpointer(url) as saver:
        for number, task in enumerate(tasks, start=1):
            store, wishes = Logged(data.db), recorded_actions(task)
            app = retail_desk(store).compile(checkpointer=saver)
            opening = said(store, task, wishes)
            ended = converse(app, opening, thread=f"retail-{stamp}/{task['id']}")
            tally.update(_judged(data, task, store, ended))
            outcomes[ended.status] += 1
            for name, way in WRONG_WAYS.items():
                wrong[name].update(way(data, task, wishes))
            progress(number, len(tasks))
    return _report(tasks, tally, outcomes, wrong, time.perf_counter() - began, url)


def _judged(data: RetailData, task: Mapping[str, Any], store: Logged, ended: Run) -> dict[str, int]:
    expected = data.expected["tasks"][task["id"]]
    refused = refusals(ended)
    equal, as_recorded = (
        store.changes() == expected["changes"],
        refused == expected.get("errors", []),
    )
    return {
        "state_equal": int(equal),
        "unconfirmed_writes": unconfirmed(store, ended),
        "refused": len(refused),
        "as_recorded": int(as_recorded),
        "decided_rightly": int(equal and as_recorded),
    }


def _report(
    tasks: Sequence[Any],
    tally: Mapping[str, int],
    outcomes: Mapping[str, int],
    wrong: Mapping[str, Mapping[str, int]],
    seconds: float,
    url: str,
) -> dict[str, Any]:
    silent = sum(count for status, count in outcomes.items() if status not in STATUSES)
    caught = all(way.get("tried") == way.get("caught") for way in wrong.values())
    equal = tally["state_equal"] == tally["as_recorded"] == len(tasks)
    return {
        "tasks": len(tasks),
        "cases": len(tasks),
        "decision_accuracy": round(tally["decided_rightly"] / len(tasks), 4),
        "state_equal": tally["state_equal"],
        "unconfirmed_writes": tally["unconfirmed_writes"],
        "refused": tally["refused"],
        "refused_as_recorded": tally["as_recorded"],
        "outcomes": dict(outcomes),
        "silent_ends": silent,
        "wrong_ways": {name: dict(counts) for name, counts in wrong.items()},
        "seconds": round(seconds, 2),
        "database": url,
        "well": equal and caught and silent == tally["unconfirmed_writes"] == 0,
    }


def show(summary: Mapping[str, Any], console: Console) -> None:
    """Print the report."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    rows = [
        ("tasks", f"{summary['tasks']} in {summary['seconds']} s"),
        ("decided as the reference", f"{summary['decision_accuracy']:.1%}"),
        ("final state as the reference", f"{summary['state_equal']} of {summary['tasks']}"),
        ("writes without the customer's yes", str(summary["unconfirmed_writes"])),
        ("recorded actions refused", f"{summary['refused']}, each with the reference's message"),
        ("outcomes", ", ".join(f"{k} {v}" for k, v in summary["outcomes"].items())),
        ("silent ends", str(summary["silent_ends"])),
    ]
    rows += [
        (f"caught: {name.replace('_', ' ')}", f"{way.get('caught')} of {way.get('tried')}")
        for name, way in summary["wrong_ways"].items()
    ]
    rows.append(("next", f"quintet runs list --db {summary['database']}"))
    for name, value in rows:
        table.add_row(f"[bold]{name}[/]", value)
    console.print(table)


def refusals(ended: Run) -> list[dict[str, str]]:
    """List the recorded actions refused in a conversation, each with the message."""
    report = (ended.values.get("results") or {}).get("agent") or {}
    return list(report.get("refusals") or [])


def _without_confirmation(
    data: RetailData, task: Mapping[str, Any], wishes: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """Leave the gate out of the wiring: nothing may be written."""
    if not _changes(data, task):
        return {}
    store = Logged(data.db)
    ended = tried(store, task, wishes, confirm=False)
    caught = not store.receipts and ended.status == "escalated"
    return {"tried": 1, "caught": int(caught)}


def _repeated(
    data: RetailData, task: Mapping[str, Any], wishes: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """Ask for every write twice: each may be written once."""
    if not _changes(data, task):
        return {}
    twice = [again for wish in wishes for again in [wish] * (1 + (wish["name"] in WRITES))]
    store = Logged(data.db)
    tried(store, task, twice)
    once = Counter(str((r["action"], r["arguments"])) for r in store.receipts)
    equal = store.changes() == data.expected["tasks"][task["id"]]["changes"]
    return {"tried": 1, "caught": int(equal and max(once.values()) == 1)}


def _of_another(
    data: RetailData, task: Mapping[str, Any], wishes: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """Ask first to cancel somebody else's order: it may not be written."""
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
    ended = tried(store, task, [foreign, *wishes])
    told = [item["error"] for item in refusals(ended) if item["action_id"] == "x"]
    untouched = order not in store.changes().get("orders", {})
    # A conversation that ends with a transfer leaves its report in the packet, not in the results.
    named = any("this conversation is with" in text for text in told)
    return {"tried": 1, "caught": int(untouched and (named or ended.status == "escalated"))}


def _changes(data: RetailData, task: Mapping[str, Any]) -> bool:
    return bool(data.expected["tasks"][task["id"]]["changes"])


WRONG_WAYS: Mapping[str, Callable[..., dict[str, int]]] = {
    "confirmation_removed": _without_confirmation,
    "action_repeated": _repeated,
    "another_customers_action": _of_another,
}
