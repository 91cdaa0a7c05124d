"""Run the line over its labelled assignments, with a mail server on loopback."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langgraph.graph import StateGraph

from quintet.runs import Run, approve, reject

from ..labelled import (  # noqa: TID252 - a wheel renames `examples`
    Labelled,
    System,
    driver,
    labelled,
    read_rows,
    run_system,
    show,
)
from .graph import build
from .office import Office, data, message_id
from .sink import Mailbox, mail_sink

__all__ = ["cases", "run", "show"]

TROUBLES = ("lost reply", "busy")


def cases() -> list[Labelled]:
    """Read the assignments with their labels."""
    return [
        labelled(row, {"sent": row["sent"], "rounds": row["rounds"]})
        for row in read_rows(__package__)
    ]


def decided(run: Run) -> dict[str, Any]:
    """Read whether the report was sent, and how many versions were reviewed."""
    actions = run.values.get("actions") or {}
    sent = any(a["name"] == "send_report" and a["status"] == "done" for a in actions.values())
    said = run.results.get("write_review", {}).get("verdicts", ())
    return {"sent": sent, "rounds": len(said)}


def ines(packet: Mapping[str, Any]) -> Any:
    """Answer as the editor does: yes for subscribers, no for everybody else."""
    if packet["arguments"]["to"] in data("subscribers.txt").split():
        return approve(by="ines", note="a subscriber")
    return reject(by="ines", note="no subscriber")


@dataclass(frozen=True, kw_only=True)
class Press:
    """Open the line for a case: with an archive of its own, and its trouble at the mail server."""

    box: Mailbox
    model: Any = None
    faults: bool = True

    @contextmanager
    def __call__(self, case: Labelled) -> Iterator[StateGraph[Any]]:
        """Give the graph."""
        self.box.mails.clear()
        trouble = next((tag for tag in case.tags if tag in TROUBLES), "")
        self.box.trouble = trouble if self.faults else ""  # type: ignore[assignment]
        with tempfile.TemporaryDirectory(prefix="quintet-reports-") as folder:
            yield build(Office(folder=Path(folder), box=self.box), model=self.model)


def run(
    *,
    url: str,
    progress: Callable[[int, int], None],
    limit: int | None = None,
    faults: bool = True,
    model: str | None = None,
    base_url: str | None = None,
) -> dict[str, Any]:
    """Run the line over its assignments.

    Args:
        url: where the runs are kept.
        progress: called with the number of cases done, and of all cases.
        limit: run only this many assignments, the first ones.
        faults: whether the mail server loses a reply or turns a client away on some of them.
        model, base_url: a chat model to write in place of our own writer; none by default.

    Returns:
        A report as `run_system` gives it, and `mails`: how many came in, and how many twice.
    """
    mails: Counter[str] = Counter()
    with mail_sink() as box:
        press = Press(box=box, model=driver(model, base_url), faults=faults)

        @contextmanager
        def opened(case: Labelled) -> Iterator[StateGraph[Any]]:
            with press(case) as graph:
                yield graph
            mails.update(f"{case.id} {mail['Message-ID']}" for mail in box.mails)

        system = System(name="report", cases=cases(), opened=opened, decided=decided, answer=ines)
        report = run_system(system, url=url, progress=progress, limit=limit)
    twice = sum(count > 1 for count in mails.values())
    report["mails"] = {"received": sum(mails.values()), "twice": twice}
    report["well"] = report["well"] and not twice
    return report


def sent_id(case: Labelled) -> str:
    """Give the Message-ID under which a case's report should come in; empty where none should."""
    if not case.decision["sent"]:
        return ""
    words = case.turns[0]["message"].replace(",", "").split()
    months = {"July": "07", "August": "08", "September": "09", "October": "10"}
    report = f"{words[2].lower()}-{words[5]}-{months[words[4]]}"
    return message_id(report, words[7])
