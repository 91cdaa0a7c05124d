"""Take e-mail on loopback, as a small SMTP server (RFC 5321) that keeps what it is given."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any, Literal

Trouble = Literal["", "lost reply", "busy"]


@dataclass(kw_only=True)
class Mailbox:
    """Hold what has come in, and the trouble that the next client is to meet.

    Args:
        address: where the server listens.
        trouble: `lost reply` takes the next e-mail and hangs up before it says so; `busy` turns
            the next client away.
    """

    address: tuple[str, int] = ("", 0)
    trouble: Trouble = ""
    mails: list[Message] = field(default_factory=list)

    def has(self, message_id: str) -> bool:
        """Say whether an e-mail of this Message-ID has come in."""
        return any(mail["Message-ID"] == message_id for mail in self.mails)

    def meets(self, trouble: Trouble) -> bool:
        """Say whether the client meets this trouble; it is over then."""
        met = self.trouble == trouble
        self.trouble = "" if met else self.trouble
        return met


class Talk(socketserver.StreamRequestHandler):
    """Talk with one client."""

    server: Any

    def handle(self) -> None:
        """Answer each command until the client leaves."""
        box: Mailbox = self.server.box
        if box.meets("busy"):
            return self.say("421 busy, try again later")
        self.say("220 sink")
        while line := self.rfile.readline():
            verb = line.strip().partition(b" ")[0].upper()
            if verb == b"DATA":
                self.say("354 go on")
                box.mails.append(self.mail())
                if box.meets("lost reply"):
                    return None
            if verb == b"QUIT":
                return self.say("221 bye")
            known = (b"EHLO", b"HELO", b"MAIL", b"RCPT", b"DATA", b"RSET", b"NOOP")
            self.say("250 ok" if verb in known else "502 not known here")
        return None

    def mail(self) -> Message:
        """Read an e-mail up to the line with a dot alone."""
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return message_from_bytes(b"".join(lines))

    def say(self, text: str) -> None:
        """Send one line."""
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_sink() -> Iterator[Mailbox]:
    """Run a server on a free port of loopback, and give its mailbox."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        server.daemon_threads = True
        host, port = server.server_address[:2]
        box = Mailbox(address=(str(host), port))
        server.box = box  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()
