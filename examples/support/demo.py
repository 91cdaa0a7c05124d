"""Run the support desk over its messages, gates answered, some steps broken on purpose."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from quintet.nodes import chat_model
from quintet.runs import Run, approve, reject, start
from quintet.state import Action, checkpointer
from quintet.state.outcome import STATUSES

from .authority import NeedsLead
from .conversations import Talked, conversations, talk
from .desk import ABOUT, SPECIALISTS, support_desk
from .faults import Faults, broken
from .policy import lead_answers
from .seed import build
from .shop import Shop

Case = Mapping[str, Any]
REMEDIES = ("retry", "fallback", "replan", "escalation")
Progress = Callable[[int, int], None]


def messages() -> list[dict[str, Any]]:
    """Read the written customer messages with their labels."""
    text = (resources.files(__package__) / "data" / "messages.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def run(
    *,
    url: str,
    progress: Progress,
    limit: int | None = None,
    faults: bool = True,
    model: str | None = None,
    base_url: str | None = None,
) -> dict[str, Any]:
    """Run the desk over its messages.

    Args:
        url: where the runs are kept.
        progress: called with the number of cases done, and of all cases.
        limit: run only this many messages, the first ones, and no conversation.
        faults: whether some steps are broken on purpose.
        model, base_url: a chat model to drive the desk; none by default.

    Returns:
        A report: `cases`, `decision_accuracy`, `routing_accuracy`, `outcomes`, `silent_ends`,
        `approvals`, `recovered`, `conversations`, `seconds`, more; `runs`: a row a message; `well`:
        no silent end, no gate talked past.
    """
    began = time.perf_counter()
    cases = messages()[:limit]
    stamp = time.strftime("%Y%m%d-%H%M%S")
    options = {} if base_url is None else {"base_url": base_url}
    driver = chat_model(model, **options) if model else None
    plan = Faults(every=7 if faults else 0)
    with tempfile.TemporaryDirectory() as folder, checkpointer(url) as saver:
        build(Path(folder) / "shop.db")
        shop = plan.cut_off(Shop(Path(folder) / "shop.db"))
        agents = broken(SPECIALISTS, plan)
        app = support_desk(shop, model=driver, agents=agents).compile(checkpointer=saver)
        rows = []
        for number, case in enumerate(cases, start=1):
            fault = plan.arm(number, writes=bool(case["action"]))
            ended, asked = serve(app, shop, case, f"support-{stamp}/{case['id']}")
            rows.append(row(case, ended, asked, fault if plan.struck else ""))
            progress(number, len(cases))
        written = {name: len(shop.ledger(name)) for name in ("refunds", "returns", "resends")}
        build(Path(folder) / "talks.db")
        held = conversations() if limit is None else []
        talks = talk_over(Shop(Path(folder) / "talks.db"), saver, driver, stamp, held)
    made = report(rows, url=url, written=written, seconds=time.perf_counter() - began)
    return made | with_talks(made, talks)


def talk_over(
    shop: Shop, saver: Any, model: BaseChatModel | None, stamp: str, cases: list[dict[str, Any]]
) -> list[Talked]:
    """Hold the conversations over a shop of their own, in which nothing is broken."""
    app = support_desk(shop, model=model).compile(checkpointer=saver)

    def served(case: Case, thread: str) -> tuple[Run, list[dict[str, Any]]]:
        return serve(app, shop, case, thread)

    return [talk(served, case, f"support-{stamp}/{case['id']}") for case in cases]


def with_talks(made: Mapping[str, Any], talks: list[Talked]) -> dict[str, Any]:
    """Report on the conversations, and on all decisions together."""
    turns = [turn for one in talks for turn in one.turns]
    silent = sum(turn["outcome"] not in STATUSES for turn in turns)
    whole = [item for item in made["runs"] if not item["fault"]]
    right = sum(item["routed"] and item["outcome"] == item["expected_outcome"] for item in whole)
    right += sum(one.right for one in talks)
    return {
        "decision_accuracy": round(right / max(len(whole) + len(talks), 1), 4),
        "silent_ends": made["silent_ends"] + silent,
        "well": made["well"] and silent == 0,
        "conversations": {
            "cases": len(talks),
            "turns": len(turns),
            "as_labelled": sum(one.right for one in talks),
            "outcomes": Counter(turn["outcome"] for turn in turns),
            "disagreements": {one.id: one.disagreement for one in talks if not one.right},
            "talks": [asdict(one) | {"right": one.right} for one in talks],
        },
    }


def serve(app: Any, shop: Shop, case: Case, thread: str) -> tuple[Run, list[dict[str, Any]]]:
    """Run one message through the desk; the declared support lead answers where it stops."""
    ended = start(app, {"message": case["message"], "behalf": case["sender"]}, thread=thread)
    asked = []
    while ended.waiting:
        packet = ended.waiting[0].packet
        verdict = lead(shop, packet)
        say = approve if verdict == "approve" else reject
        note = "as declared: what policy allows, and goodwill in time and measure"
        ended = ended.answer(say(by="lena", note=note))
        asked.append({"action": packet["action"], "why": packet["why_asked"], "answer": verdict})
    return ended, asked


def lead(shop: Shop, packet: Mapping[str, Any]) -> str:
    """Return the declared support lead's answer, on the shop's record alone."""
    action = Action(name=packet["action"], arguments=packet["arguments"], behalf=packet["behalf"])
    return lead_answers(**NeedsLead(shop=shop).case(action))


def row(case: Case, ended: Run, asked: list[dict[str, Any]], fault: str) -> dict[str, Any]:
    """Report what became of one message, beside what was expected."""
    outcome = ended.outcome
    decisions = ended.decisions
    first = next((d for d in decisions if d.kind in ("route", "fallback", "escalation")), None)
    recovery = [str(d) for d in decisions if d.kind in REMEDIES]
    return {
        "id": case["id"],
        "thread": ended.thread,
        "message": case["message"],
        "route": routes(ended),
        "expected_route": case["route"],
        "routed": sorted(_listed(routes(ended))) == sorted(_listed(case["route"])),
        "why": first.reason if first else "",
        "path": list(ended.path),
        "approval": asked,
        "fault": fault,
        "recovery": recovery,
        "outcome": ended.status,
        "expected_outcome": case["outcome"],
        "reason": outcome.reason if outcome else "",
        "tags": case["tags"],
    }


def routes(ended: Run) -> str | list[str]:
    """Name who took the request: one route, or one for each part of a planned message."""
    plan = ended.values.get("plan")
    if not plan:
        return str(ended.values.get("route", ""))
    taken = [step["assignee"] for step in plan["steps"]]
    return [name if name in ABOUT else "person" for name in taken]


def report(
    rows: list[dict[str, Any]], *, url: str, written: Mapping[str, int], seconds: float
) -> dict[str, Any]:
    """Summarise all messages."""
    statuses = Counter(item["outcome"] for item in rows)
    silent = sum(count for status, count in statuses.items() if status not in STATUSES)
    whole = [item for item in rows if not item["fault"]]
    struck = [item for item in rows if item["fault"]]
    attempts = [item for item in rows if "manipulation" in item["tags"]]
    talked = [item["id"] for item in attempts if _talked_past(item)]
    accuracy = sum(item["routed"] for item in rows) / len(rows)
    return {
        "cases": len(rows),
        "routing_accuracy": round(accuracy, 4),
        "outcomes": dict(statuses),
        "outcome_accuracy": round(_share(whole), 4),
        "silent_ends": silent,
        "approvals": Counter(a["answer"] for item in rows for a in item["approval"]),
        "manipulations": {"tried": len(attempts), "talked_past": talked},
        "faults": Counter(item["fault"] for item in struck),
        "recovered": sum(item["outcome"] == item["expected_outcome"] for item in struck),
        "handed_over": sum(item["outcome"] == "escalated" for item in struck),
        "written": dict(written),
        "seconds": round(seconds, 2),
        "database": url,
        "well": silent == 0 and not talked,
        "runs": rows,
    }


def _talked_past(item: Mapping[str, Any]) -> bool:
    """Tell whether an attempt to talk past the gate got more than its label allows."""
    return bool(item["outcome"] == "done" and item["expected_outcome"] != "done")


def _share(rows: list[dict[str, Any]]) -> float:
    right = sum(item["outcome"] == item["expected_outcome"] for item in rows)
    return right / len(rows) if rows else 1.0


def _listed(route: str | list[str]) -> list[str]:
    return [route] if isinstance(route, str) else route


def show(summary: Mapping[str, Any], console: Console) -> None:
    """Print each message's way, then the summary."""
    for item in summary["runs"]:
        _show_row(item, console)
    for item in summary["conversations"]["talks"]:
        _show_talk(item, console)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in _summary(summary):
        table.add_row(f"[bold]{name}[/]", value)
    console.rule("summary")
    console.print(table)


COLOURS = {"done": "green", "asked": "blue", "escalated": "yellow", "rejected": "magenta"}


def _show_row(item: Mapping[str, Any], console: Console) -> None:
    colour = COLOURS.get(item["outcome"], "red")
    console.print(f"[bold]{item['id']}[/] {escape(item['message'])}")
    route = " + ".join(_listed(item["route"]))
    missed = "" if item["routed"] else f" [red](expected {item['expected_route']})[/]"
    console.print(f"  route    {route}{missed}: {escape(item['why'])}")
    console.print(f"  path     {escape(' -> '.join(item['path']))}")
    for asked in item["approval"]:
        console.print(
            f"  approval {asked['answer']}: {escape(asked['action'])}, {escape(asked['why'])}"
        )
    if item["fault"]:
        console.print(f"  broken   [red]{item['fault']}[/]")
    for line in item["recovery"]:
        console.print(f"  recovery {escape(line)}")
    other = item["outcome"] != item["expected_outcome"]
    note = f" [red](expected {item['expected_outcome']})[/]" if other else ""
    console.print(f"  outcome  [{colour}]{item['outcome']}[/]{note}: {escape(item['reason'])}\n")


def _show_talk(item: Mapping[str, Any], console: Console) -> None:
    why = "" if item["right"] else f" [red]{escape(item['disagreement'] or 'not as labelled')}[/]"
    console.print(f"[bold]{item['id']}[/]{why}")
    for turn in item["turns"]:
        colour = COLOURS.get(turn["outcome"], "red")
        console.print(f"  customer {escape(turn['message'])}")
        reason = escape(turn["reason"])
        console.print(f"  {turn['route']:8} [{colour}]{turn['outcome']}[/]: {reason}")
    console.print()


def _summary(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    tried = summary["manipulations"]
    database = str(summary["database"])
    return [
        ("messages", f"{summary['cases']} in {summary['seconds']} s"),
        ("routed rightly", f"{summary['routing_accuracy']:.1%}"),
        ("decided as labelled", f"{summary['decision_accuracy']:.1%}, conversations included"),
        ("outcomes", _counts(summary["outcomes"])),
        ("conversations", _talks(summary["conversations"])),
        ("as labelled", f"{summary['outcome_accuracy']:.1%} of those without a fault"),
        ("silent ends", str(summary["silent_ends"])),
        ("approvals", _counts(summary["approvals"])),
        ("talked past the gate", f"{len(tried['talked_past'])} of {tried['tried']} attempts"),
        ("broken on purpose", _counts(summary["faults"])),
        ("recovered", f"{summary['recovered']}, handed to a person {summary['handed_over']}"),
        ("written", _counts(summary["written"])),
        ("next", f"quintet runs list --db {database}"),
    ]


def _talks(talks: Mapping[str, Any]) -> str:
    return f"{talks['as_labelled']} of {talks['cases']} as labelled, {talks['turns']} turns"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
