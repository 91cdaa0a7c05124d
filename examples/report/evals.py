"""Build the suite: the labelled assignments, each with an archive and a mailbox of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from quintet.evals import Case, Gate, GraphTarget, Suite, Trajectory
from quintet.state import checkpointer

from ..labelled import Labelled  # noqa: TID252 - a wheel renames `examples`
from ..suites import as_case  # noqa: TID252 - a wheel renames `examples`
from .demo import Press, cases, decided, ines, sent_id
from .sink import Mailbox, mail_sink

GATES = (
    Gate(metric="missed_escalations", none=True),
    Gate(metric="needless_escalations", none=True),
    Gate(metric="silent_failure_rate", none=True),
    Gate(metric="duplicate_effects", none=True),
    Gate(metric="forbidden_actions", none=True),
    Gate(metric="silent_ends", none=True),
)


def _case(label: Labelled) -> Case:
    sent = label.decision["sent"]
    return as_case(
        label,
        approval="approval" in label.tags or "refused" in label.tags,
        never=() if sent else ("send_report", "keep_report"),
        state={"decided": label.decision, "mails": [sent_id(label)] if sent else []},
    )


@dataclass(frozen=True, kw_only=True)
class Line:
    """Run a case as a target."""

    box: Mailbox

    def __call__(self, case: Case) -> Trajectory:
        """Run one assignment, and observe what has come to the mailbox."""
        label = next(label for label in cases() if label.id == case.id)
        with Press(box=self.box)(label) as graph, checkpointer("memory://") as saver:
            target = GraphTarget(
                app=graph.compile(checkpointer=saver),
                person=ines,
                observe=lambda run: {
                    "state": {
                        "decided": decided(run),
                        "mails": [mail["Message-ID"] for mail in self.box.mails],
                    }
                },
            )
            return target(case)


@contextmanager
def suite() -> Iterator[Suite]:
    """Yield the suite, with a mail server that runs as long."""
    with mail_sink() as box:
        labels = map(_case, cases())
        yield Suite(name="report", cases=tuple(labels), target=Line(box=box), gates=GATES)
