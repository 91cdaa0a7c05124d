"""Record what an action would have done, in a thread whose effects are dry, and do not do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from quintet.errors import EffectRepeated
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.once import record, refuse_repeat
from quintet.nodes.core.standing import Standing, standing_of, subject_of
from quintet.state.action import Action, ActionStatus
from quintet.state.clock import now
from quintet.state.journal.entry import Entry
from quintet.state.journal.mode import Mode
from quintet.state.record import plain
from quintet.state.run import is_within


def would_do(
    action: Action, attempt: Attempt, standing: Standing, mode: Mode, stand_in: Callable[[], Any]
) -> Logic[Action]:
    """Record an action as dry, and give it with the result that stands in for the real one.

    Args:
        action: the action, as it would run.
        attempt: the attempt that it belongs to.
        standing: its stream in the journal, in which nothing stands.
        mode: the thread's mode.
        stand_in: gives the result.

    Raises:
        EffectRepeated: the thread that this one was forked from had done it before.
        EffectUnknown: another task has recorded it meanwhile.
        AttemptEnded: the attempt has ended.
    """
    attempt.check_open(action.name)
    done = yield from _done_before(action, attempt, mode)
    if done is None:
        result = plain(stand_in())
        yield from standing.append(
            "dry",
            owner=attempt.owner,
            digest=action.digest,
            call=str(action),
            arguments=dict(action.arguments),
            run=action.run,
            result=result,
        )
        done = replace(action, status="dry", result=result, ended=now())
    record(done, attempt)
    return done


def _done_before(action: Action, attempt: Attempt, mode: Mode) -> Logic[Action | None]:
    """Give the action as done where this very step had done it before the fork; None if nobody had.

    Raises:
        EffectRepeated, EffectUnknown: other work had, which a real run would refuse here too.
    """
    for thread, until in mode.before:
        place = replace(attempt.place, thread=thread)
        standing = (yield from standing_of(place, subject_of(action))).until(until)
        if standing.how == "free":
            continue
        if standing.owner == attempt.owner and standing.digest == action.digest:
            if standing.how == "unknown":
                return None  # this step was cut off in it: there is no result to go on with
            last = standing.entries[-1]
            status: ActionStatus = "done" if last.kind == "done" else "dry"
            return replace(action, status=status, result=standing.result, ended=last.at)
        raise EffectRepeated(
            f"{action} was done or begun before in thread {thread!r}, which this dry run was "
            f"forked from (key {action.key!r}); if it is meant to happen twice, put what differs "
            "into the key"
        )
    for layer in attempt.layers():
        # The copied state knows more; its records say that a journal has them, another thread's.
        known = {at: {**item, "journaled": False} for at, item in layer.known.items()}
        refuse_repeat(action, known)
    return None


def would_be_done(attempt: Attempt, run: str) -> Logic[list[str]]:
    """Give the calls that a run has recorded as dry, the oldest first; of all, where it has no id.

    They come from the journal, since the state keeps only the last.
    """
    place = attempt.place
    entries: tuple[Entry, ...] = yield Call(
        place.journal.entries, (place.scope, "effect "), blocks=True
    )
    dry = [entry for entry in entries if entry.kind == "dry"]
    own = [entry for entry in dry if not run or is_within(entry.value["run"] or run, run)]
    return [entry.value["call"] for entry in sorted(own, key=lambda entry: entry.at)]
