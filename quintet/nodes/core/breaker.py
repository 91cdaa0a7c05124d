"""Break the circuit to what fails too often: refuse calls for a while, then let one through.

The circuit stands in the journal, in a stream of its name that belongs to no thread, so that all
processes of a database see it. Its last entry says how it stands; an entry is appended only where
nobody has appended another meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

from langgraph.errors import GraphBubbleUp

from quintet.errors import CircuitOpen, DesignError, ThreadHeld
from quintet.nodes.core.attempt import current
from quintet.nodes.core.call import Call, Logic, adrive, drive
from quintet.nodes.core.classify import classify
from quintet.nodes.core.duration import seconds, utc
from quintet.nodes.core.standing import RUNNER
from quintet.nodes.core.task import current_task
from quintet.state.clock import now
from quintet.state.failure import FAILURE_CLASSES, FailureClass, in_words
from quintet.state.journal.entry import Entry, Journal
from quintet.state.journal.found import find_place
from quintet.state.verdict import is_async, name_of

log = logging.getLogger("quintet")

R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """Refuse calls to an agent, a tool or an effect that has failed too often.

    After so many failures the circuit is open: calls are refused at once with `CircuitOpen`, for
    which recovery takes the remedies of the failure's class without a retry. After a rest one call
    is let through, by one process only: it closes the circuit, or opens it for another rest.

    Give it to `Worker(breaker=)` or `effect(..., breaker=)`, or put it around any function by
    calling it: `lookup = Breaker(name="shop")(lookup)`, plain or async.

    All processes that share a checkpointer's database share the circuit; with none, it is this
    process's. A success costs nothing while it is closed, a failure one entry.

    Args:
        name: the circuit's name: breakers of one name share it, in all graphs of a database. By
            default the function's name; a worker's needs one.
        failures: the number of failures that opens it.
        within: the time in which they must happen; seconds, or text such as `"1m"`.
        rest: how long it stays open; a call that is let through and never ends counts as failed
            after that time.
        counts: the classes of failures that count, by the rules of `classify`: those that say that
            the other side is unwell.

    Raises:
        DesignError: a number or duration is not positive, or a class does not exist.
    """

    name: str = ""
    failures: int = 5
    within: str | float = "1m"
    rest: str | float = "30s"
    counts: tuple[FailureClass, ...] = ("transient", "timeout", "rate_limit")

    def __post_init__(self) -> None:
        if isinstance(self.failures, bool) or not isinstance(self.failures, int):
            raise DesignError(f"Breaker(failures={self.failures!r:.60}): give a whole number")
        if self.failures < 1:
            raise DesignError(f"Breaker(failures={self.failures}): give one or more")
        for name in ("within", "rest"):
            if getattr(self, name) is None:
                raise DesignError(f"Breaker({name}=None): give seconds, or text such as '30s'")
            seconds(getattr(self, name))
        kinds = (self.counts,) if isinstance(self.counts, str) else tuple(self.counts)
        object.__setattr__(self, "counts", kinds)
        if unknown := [kind for kind in kinds if kind not in FAILURE_CLASSES]:
            raise DesignError(
                f"Breaker(counts={unknown[0]!r}): give some of {', '.join(FAILURE_CLASSES)}"
            )

    def __call__(self, function: F) -> F:
        """Put the breaker around a function, such as a tool.

        Raises:
            CircuitOpen: when the function is called, and the circuit is open.
        """
        if is_async(function):

            @wraps(function)
            async def guarded(*args: Any, **options: Any) -> Any:
                return await adrive(self._calling(function, args, options))

        else:

            @wraps(function)
            def guarded(*args: Any, **options: Any) -> Any:
                return drive(self._calling(function, args, options))

        return cast(F, guarded)

    def _calling(
        self, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]
    ) -> Logic[Any]:
        name, attempt = name_of(function), current.get()
        if attempt is None:
            task = current_task(name)
            journal = find_place(task.thread, task.superstep, task.superstep).journal
        else:
            journal = attempt.place.journal

        def logic() -> Logic[Any]:
            return (yield Call(function, args, options=options))

        return (yield from self.guarded(name, journal, logic()))

    def guarded(self, name: str, journal: Journal, logic: Logic[R]) -> Logic[R]:
        """Run a call's logic unless the circuit is open, and count how it ends.

        Args:
            name: the circuit's name where the breaker has none.
            journal: where the circuit stands.
            logic: makes the call.

        Raises:
            CircuitOpen: the circuit is open; nothing of the logic has run.
        """
        circuit = _Circuit(breaker=self, name=self.name or name, journal=journal)
        head = yield from circuit.head()
        if head is None or not circuit.refuses(head):
            return (yield from circuit.counted(logic))
        with circuit.alone(head):
            return (yield from circuit.tried(head, logic))


def check_breaker(part: str, breaker: Any, *, named: bool = False) -> None:
    """Refuse what is no breaker where one is expected, or one that needs a name and has none.

    Raises:
        DesignError: it names the part that it was given to.
    """
    if breaker is None:
        return
    if not isinstance(breaker, Breaker):
        raise DesignError(f"{part}: breaker={breaker!r:.60} is no Breaker(...)")
    if named and not breaker.name:
        raise DesignError(
            f"{part}(breaker=Breaker(...)): give it a name, which says what it protects; nodes of "
            "several graphs may have one name, and would share the circuit"
        )


@dataclass(frozen=True, kw_only=True)
class _Circuit:
    """Read and move on one circuit in a journal."""

    breaker: Breaker
    name: str
    journal: Journal

    @property
    def subject(self) -> str:
        return f"breaker {self.name}"

    def head(self) -> Logic[Entry | None]:
        """Read the last entry; None where there is none."""
        heads: dict[str, Entry] = yield Call(self.journal.heads, ("", (self.subject,)), blocks=True)
        return heads.get(self.subject)

    def append(self, kind: str, value: dict[str, Any], after: Entry | None) -> Logic[bool]:
        """Append an entry after another; give False where somebody else was first."""
        position = 0 if after is None else after.position + 1
        first: bool = yield Call(
            self.journal.append,
            ("", self.subject, kind, value),
            options={"position": position},
            blocks=True,
        )
        return first

    def refuses(self, head: Entry) -> bool:
        """Say whether the circuit is not closed."""
        return head.kind in ("opened", "probing")

    @contextmanager
    def alone(self, head: Entry) -> Iterator[None]:
        """Hold the one call that an open circuit lets through, once its rest is over.

        Raises:
            CircuitOpen: the rest is not over, or another call is being let through.
        """
        if now() < self.until(head):
            raise self.refusal(head)
        # The entry alone does not tell whether who wrote it still lives and waits.
        with _held(self.journal, f"\x01{self.subject}", self.refusal(head)):
            yield

    def until(self, head: Entry) -> float:
        """Give the time from which a call may be let through."""
        if head.kind == "opened":
            return float(head.value["until"])
        return head.at + cast(float, seconds(self.breaker.rest))

    def refusal(self, head: Entry) -> CircuitOpen:
        """Give the error that refuses a call."""
        value, until = head.value, self.until(head)
        then = f"until {utc(until).removeprefix('at ')}"
        if head.kind == "probing":
            then = f"while {value.get('runner')} tries whether it works again"
        return CircuitOpen(
            f"{self.name} is not called: its circuit is open since "
            f"{utc(value['since']).removeprefix('at ')}, {then}; it failed {value['failures']} "
            f"times ({value['class']}), last with {value['why']}",
            self.name,
            value["since"],
            until,
            value["class"],
        )

    def counted(self, logic: Logic[R]) -> Logic[R]:
        """Run a call while the circuit is closed, and count its failure."""
        try:
            return (yield from logic)
        except Exception as problem:
            if (kind := self._counts(problem)) is not None:
                yield from self._unless_broken(self._count(kind, problem))
            raise

    def tried(self, head: Entry, logic: Logic[R]) -> Logic[R]:
        """Run the one call that is let through, and close the circuit or open it again."""
        value = dict(head.value) | {"runner": RUNNER}
        if not (yield from self.append("probing", value, head)):
            latest = yield from self.head()
            if latest is not None and self.refuses(latest):
                raise self.refusal(latest)
            return (yield from self.counted(logic))  # another call has closed it meanwhile
        # The entry just written, whose time is told from here.
        probe = Entry(thread="", subject=self.subject, position=head.position + 1, kind="probing")
        try:
            result = yield from logic
        except Exception as problem:
            kind = self._counts(problem)
            # A failure that says nothing about the other side: the next call may try.
            again = {**value, "until": now()}
            if kind is not None:
                again |= self._opened(kind, problem, value["failures"] + 1)
                again["since"] = value["since"]
            yield from self._unless_broken(self.append("opened", again, probe))
            raise
        yield from self._unless_broken(self.append("closed", {}, probe))
        return result

    def _counts(self, problem: Exception) -> FailureClass | None:
        """Give the class of a failure that counts; None for one that does not."""
        # A refusal by another breaker, inside, made no call; a question to a person is no failure.
        if isinstance(problem, GraphBubbleUp | CircuitOpen):
            return None
        kind = classify(problem)
        return kind if kind in self.breaker.counts else None

    def _count(self, kind: FailureClass, problem: Exception) -> Logic[None]:
        """Append a failure, or what opens the circuit if it is one too many."""
        while True:
            head = yield from self.head()
            if head is not None and self.refuses(head):
                return  # it was opened meanwhile, and this call had begun before
            times = list(head.value["times"]) if head is not None and head.kind == "failed" else []
            earliest = now() - cast(float, seconds(self.breaker.within))
            times = [*(at for at in times if at > earliest), now()][-self.breaker.failures :]
            value: dict[str, Any] = {"times": times, "class": kind, "why": in_words(problem)[:200]}
            opens = len(times) >= self.breaker.failures
            if opens:
                value = self._opened(kind, problem, len(times))
            if (yield from self.append("opened" if opens else "failed", value, head)):
                if opens:
                    log.warning("circuit %s is open: %s", self.name, value["why"])
                return

    def _opened(self, kind: FailureClass, problem: Exception, failures: int) -> dict[str, Any]:
        since = now()
        return {
            "since": since,
            "until": since + cast(float, seconds(self.breaker.rest)),
            "failures": failures,
            "class": kind,
            "why": in_words(problem)[:200],
        }

    def _unless_broken(self, logic: Logic[Any]) -> Logic[None]:
        """Run what writes down how a call ended; its own failure must not hide that."""
        try:
            yield from logic
        except Exception:
            log.warning("circuit %s: not recorded", self.name, exc_info=True)


@contextmanager
def _held(journal: Journal, name: str, refusal: CircuitOpen) -> Iterator[None]:
    """Hold a name, which ends with this process at the latest; refuse where another holds it."""
    with_hold = journal.holds.hold(name)
    try:
        with_hold.__enter__()
    except ThreadHeld:
        raise refusal from None
    try:
        yield
    finally:
        with_hold.__exit__(None, None, None)
