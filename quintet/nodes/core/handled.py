"""Keep handled exceptions alive, so that LangGraph takes no other one for them.

LangGraph remembers a handled exception by its `id`, which Python gives to a new object once the
exception is gone. A question to a person, raised at that address, is then taken for handled too:
the run ends there, without an outcome and with nothing to resume.
"""

from __future__ import annotations

from collections import deque

KEPT = 1000
"""The most exceptions that are kept; the oldest go first."""

_handled: deque[BaseException] = deque(maxlen=KEPT)


def keep_alive(problem: object) -> None:
    """Keep an exception that an error handler was given, without the frames that it came from."""
    if not isinstance(problem, BaseException):  # a resume has kept its text alone
        return
    _handled.append(problem)
    part: BaseException | None = problem
    while part is not None and part.__traceback__ is not None:
        part.__traceback__ = None
        part = part.__cause__ or part.__context__
