"""Hold the office: its figures and notes, its archive, and the two effects that leave a trace."""

from __future__ import annotations

import csv
import hashlib
import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from quintet.nodes import Effect, effect
from quintet.state import Action
from quintet.state.failure import FailureClass

from .sink import Mailbox

HOUSE = "sunfield.example"


@cache
def data(name: str) -> str:
    """Read a file of the system's data."""
    return (resources.files(__package__) / "data" / name).read_text("utf-8")


@cache
def rows(name: str) -> tuple[Mapping[str, str], ...]:
    """Read a table of the system's data."""
    return tuple(csv.DictReader(data(name).splitlines()))


def message_id(report: str, to: str) -> str:
    """Name the e-mail with a report to somebody: always the same, so that it can be asked about."""
    return f"<{hashlib.sha256(f'{report} {to}'.encode()).hexdigest()[:24]}@{HOUSE}>"


def leaves_the_house(action: Action) -> Any:
    """Say why a person must decide: an e-mail goes to somebody outside."""
    to = str(action.arguments.get("to", ""))
    outside = action.name == "send_report" and to.rpartition("@")[2] != HOUSE
    return f"{to} is outside the house" if outside else None


def turned_away(problem: BaseException) -> FailureClass | None:
    """Class a mail server that is busy as one that may be tried again."""
    busy = isinstance(problem, smtplib.SMTPConnectError) and problem.smtp_code < 500
    return "transient" if busy else None


@dataclass(frozen=True, kw_only=True)
class Office:
    """Send e-mails by a mailbox's server, and keep reports in a folder."""

    folder: Path
    box: Mailbox

    @cached_property
    def effects(self) -> tuple[Effect, Effect]:
        """Give the e-mail and the file as effects."""

        def send_report(report: str, to: str, text: str) -> dict[str, str]:
            """Send a report by e-mail."""
            mail = EmailMessage()
            mail["From"], mail["To"], mail["Subject"] = f"reports@{HOUSE}", to, report
            mail["Message-ID"] = message_id(report, to)
            mail.set_content(text)
            host, port = self.box.address
            with smtplib.SMTP(host, port, local_hostname=HOUSE, timeout=10) as server:
                server.send_message(mail)
            return {"message_id": message_id(report, to)}

        def was_sent(report: str, to: str) -> Any:
            sent = message_id(report, to)
            return {"message_id": sent} if self.box.has(sent) else False

        def keep_report(report: str, text: str, message_id: str) -> str:
            """Write a report into the archive."""
            path = self.folder / f"{report}.txt"
            path.write_text(f"Message-ID: {message_id}\n\n{text}\n", "utf-8")
            return path.name

        # Turned away at the door, nothing has been sent: it may be tried again.
        harmless = (smtplib.SMTPConnectError, ConnectionRefusedError)
        return (
            effect(send_report, key="{report}:{to}", reconcile=was_sent, harmless=harmless),
            effect(keep_report, key="{report}", reconcile=self.is_kept),
        )

    def is_kept(self, report: str) -> Any:
        """Give a report's file where the archive has it."""
        name = f"{report}.txt"
        return name if (self.folder / name).exists() else False
