"""Run an action once: claim it before it runs, and record how it ended.

An action's end is kept in two places, and both are written here: the journal, where a claim holds
for all that share the database, and the attempt, from which it goes into the state. The journal
decides; the state is what a run's next step and its people see.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from langgraph.errors import GraphBubbleUp

from quintet.errors import (
    ActionRefused,
    AttemptEnded,
    DesignError,
    EffectRepeated,
    EffectUnknown,
)
from quintet.nodes.core.actions import Slot
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import ASYNC, Call, Logic, NotCalled
from quintet.nodes.core.did import mark_of
from quintet.nodes.core.guards import guards
from quintet.nodes.core.standing import (
    RUNNER,
    SecondRunner,
    Standing,
    alone,
    standing_of,
    subject_of,
)
from quintet.nodes.core.task import running_task
from quintet.state.action import Action, ActionStatus
from quintet.state.channels import OPEN, STANDING, slot
from quintet.state.clock import now
from quintet.state.failure import in_words
from quintet.state.journal.found import warn_of_memory
from quintet.state.record import plain, without_defaults
from quintet.state.verdict import name_of, why_not

UNDER_WAY = "it was under way when its step ended"

TRIES, PAUSE = 40, 0.05
"""How often it is looked whether another process has ended an action, and after what seconds."""


@dataclass(frozen=True, kw_only=True)
class Ends:
    """How an action's end is told where the function does not tell it by returning.

    Args:
        harmless: exceptions after which it is known not to have happened.
        after: a criterion on what the function returned: it says that the action has happened.
        resolve: asks the receiver, or else a person, about an action whose end is unknown; gives
            how it stands then: done or free.
    """

    harmless: tuple[type[BaseException], ...] = ()
    after: Callable[[Any], Any] | None = None
    resolve: Callable[[Action, Standing, bool], Logic[Standing]] | None = None


def record(action: Action, attempt: Attempt, *, only_open: bool = False) -> None:
    """Put an action on the record of an attempt and of those around it, which go into the state.

    Raises:
        AttemptEnded: it has ended meanwhile, and only an open one was to be written to.
    """
    action = replace(action, journaled=attempt.place.shared)
    for layer in attempt.layers():
        with layer.lock:  # tools of one model message run in parallel threads
            if only_open:
                attempt.check_open(action.name)
            layer.actions[action.name, action.key] = action


def refuse_repeat(action: Action, known: Mapping[str, Any]) -> None:
    """Refuse an action that the state already holds as done, or as of unknown end.

    Raises:
        EffectRepeated, EffectUnknown: they name the action and its key.
    """
    recorded = known.get(slot(known, action.name, action.key))
    # What the journal holds is asked there, where it may be settled.
    if recorded is None or recorded.get("journaled"):
        return
    if recorded["status"] == "done":
        raise EffectRepeated(_repeated(action, recorded.get("result")))
    if recorded["status"] == "unknown":
        raise EffectUnknown(
            f"{action} was begun before and its end is not known ({recorded.get('result')}); "
            "a person must look whether it happened"
        )


def done_here(action: Action, attempt: Attempt, ends: Ends) -> Logic[Action | Standing]:
    """Give the action as this attempt's task has done it already, or how it stands: free.

    Raises:
        EffectRepeated, EffectUnknown: it was done by other work, or with other arguments, or its
            end is not known and nobody can tell.
    """
    recorded = _begun(action, attempt)
    if recorded is not None and recorded.status in ("done", "dry"):
        if recorded.digest != action.digest:
            dry = recorded.status == "dry"
            raise EffectRepeated(_repeated(recorded, recorded.result, dry=dry))
        if attempt.place.shared:
            yield from _standing(action, attempt, ends)  # with the answers that this task has got
        return recorded
    if recorded is None:
        for layer in attempt.layers():
            refuse_repeat(action, layer.known)
    standing = yield from _standing(action, attempt, ends)
    if standing.how == "done":
        return _as_done(action, standing, attempt)
    return standing


def done_before(action: Action, attempt: Attempt) -> Logic[Action | None]:
    """Give the action if this attempt's task has done it already, or None where it is not done.

    Raises:
        EffectRepeated: other work has done it, or with other arguments.
    """
    yield from attempt.find_mode()
    standing = yield from standing_of(attempt.place, subject_of(action))
    return _as_done(action, standing, attempt) if standing.how == "done" else None


def _standing(action: Action, attempt: Attempt, ends: Ends) -> Logic[Standing]:
    """Read how an action stands, and find it out where its end is not known."""
    standing = yield from standing_of(attempt.place, subject_of(action))
    if standing.how != "unknown" and not standing.questions_over(running_task()):
        return standing
    # Whoever holds it is alive, and the claim that stands is theirs.
    with (yield from _held(standing, attempt)):
        standing = yield from standing_of(attempt.place, standing.subject)
        if standing.how != "unknown" and not standing.questions_over(running_task()):
            return standing  # they have ended it
        if ends.resolve is None:
            raise EffectUnknown(_unknown(action))
        try:
            return (yield from ends.resolve(action, standing, True))
        except ActionRefused:
            record(replace(action, status="undone"), attempt)
            raise


def _held(standing: Standing, attempt: Attempt) -> Logic[ExitStack]:
    """Hold an action alone, as `alone` does; wait a moment for another process that is at it.

    Of two runners of a thread, one has the newest checkpoint and the other may have the effect. If
    the first stopped at once, both would stop, and nobody would end the run.
    """
    doubled, held = _doubled(attempt), ExitStack()
    for left in reversed(range(TRIES)):
        try:
            held.enter_context(alone(standing, doubled=doubled))
            break
        except SecondRunner:
            if doubled or not left:
                raise
        yield Call(time.sleep, (PAUSE,), blocks=True)
    return held


def _doubled(attempt: Attempt) -> bool:
    """Say whether another runner of this process is at the same task: an attempt is open there.

    A retry goes on from an attempt that has ended.
    """
    earlier = [layer.earlier for layer in attempt.layers()]
    return any(each is not None and not each.ended for each in earlier)


@contextmanager
def at_work(attempt: Attempt, call: Slot) -> Iterator[None]:
    """Hold a call of an effect among those that have begun; it runs, so it is awaited."""
    attempt.unawaited.pop(call, None)
    attempt.at_work.append(call)
    try:
        yield
    finally:
        attempt.at_work.remove(call)


def propose(action: Action, attempt: Attempt) -> None:
    """Record an action as proposed, unless its key stands for another proposal.

    Raises:
        EffectRepeated: it names both actions.
    """
    others = [attempt.actions.get((action.name, action.key))]
    recorded = attempt.known.get(slot(attempt.known, action.name, action.key))
    if recorded is not None and recorded["status"] in OPEN:
        others.append(replace(action, arguments=recorded["arguments"]))
    for other in others:
        if other is not None and other.digest != action.digest:
            raise EffectRepeated(
                f"{action} has the key {action.key!r} of {other}, which is proposed already; if "
                "both are meant, put what differs into the key"
            )
    record(action, attempt)


def run_once(
    action: Action, attempt: Attempt, call: Call, standing: Standing, ends: Ends
) -> Logic[Action]:
    """Claim an action that is free, make the call, and give the action as done, with its result.

    Raises:
        Stopped, BudgetExhausted: it must not begin any more; see `guards`.
        EffectUnknown: another task has claimed it meanwhile, or its end is not known.
        AttemptEnded: the attempt has ended.
        DesignError: the call is async where nothing awaits it, asks a person, or its result cannot
            be kept; in the last case the action is on record as done nevertheless.
    """
    attempt.check_open(action.name)
    if attempt.task.thread and not attempt.place.shared:
        warn_of_memory()
    yield from guards(action, attempt)
    with (yield from _held(standing, attempt)):
        claimed = yield from standing.append_first(
            "claimed",
            owner=attempt.owner,
            digest=action.digest,
            run=action.run,
            thread=attempt.place.thread,
            runner=RUNNER,
            action=without_defaults(Action, plain(action)),
            mark=mark_of(action),
        )
        if claimed is None:  # other work has done it between our reading and our claim
            standing = yield from standing_of(attempt.place, standing.subject)
            if standing.how != "done":
                raise EffectUnknown(_unknown(action))
            return _as_done(action, standing, attempt)
        # The step may end while the action runs, by a tool beside it or a time-out.
        try:
            record(replace(action, status="unknown", result=UNDER_WAY), attempt, only_open=True)
        except AttemptEnded:
            yield from _release(action, attempt, claimed, "its attempt had ended")
            raise
        try:
            returned = yield call
        except BaseException as problem:  # noqa: BLE001 - it is raised again where it must be
            return (yield from _failed(action, attempt, claimed, ends, problem))
        return (yield from _settled(action, attempt, claimed, ends, returned))


def _failed(
    action: Action, attempt: Attempt, standing: Standing, ends: Ends, problem: BaseException
) -> Logic[Action]:
    """Record how an action ended that raised; give it as done where its receiver says so."""
    if isinstance(problem, NotCalled):
        yield from _release(action, attempt, standing, "it was not called")
        raise DesignError(f"effect {action.name!r} is async: {ASYNC}") from None
    if isinstance(problem, GraphBubbleUp):
        # LangGraph would run the node anew after the answer, and the effect with it.
        yield from standing.append("unknown", result="it asked a person from inside")
        raise DesignError(
            f"{action} asks a person, or leaves, from inside the effect, and nobody can tell what "
            "it had done by then; ask by an ApprovalGate, or in the agent before the effect"
        ) from None
    if isinstance(problem, ends.harmless):
        yield from _release(action, attempt, standing, in_words(problem))
        raise problem
    record(replace(action, status="unknown", result=in_words(problem)), attempt)
    # An async call that is cancelled may await nothing more, and a process that ends has no time.
    if not isinstance(problem, Exception):
        raise problem
    standing = yield from standing.append("unknown", result=in_words(problem))
    if ends.resolve is not None:
        standing = yield from ends.resolve(action, standing, False)
    if standing.how == "done":
        return _as_done(action, standing, attempt)
    if standing.how == "free":
        _forget(action, attempt)
    raise problem


def _settled(
    action: Action, attempt: Attempt, standing: Standing, ends: Ends, returned: Any
) -> Logic[Action]:
    """Record the action as done, even where its result cannot be kept: it has happened."""
    fault = None
    try:
        result = plain(returned)
    except DesignError as problem:
        fault, result = problem, f"{returned!r:.200}"
    if (why := _unmet(ends, returned)) is not None:
        return (yield from _unproven(action, attempt, standing, ends, why))
    action = replace(action, status="done", result=result, ended=now())
    yield from standing.append("done", result=result)
    record(action, attempt)
    if fault is not None:
        raise DesignError(f"{action} is done, but its result cannot be kept: {fault}") from fault
    return action


def _unmet(ends: Ends, returned: Any) -> str | None:
    """Say why the postcondition does not hold, or None. One that raises has proven nothing."""
    if ends.after is None:
        return None
    try:
        return why_not(ends.after(returned), ends.after)
    except Exception as problem:  # noqa: BLE001 - it may fail in any way
        return f"{name_of(ends.after)} raised {in_words(problem)}"


def _unproven(
    action: Action, attempt: Attempt, standing: Standing, ends: Ends, why: str
) -> Logic[Action]:
    """Look for the end of an action whose own postcondition does not hold."""
    reason = f"it returned, but {why}"
    record(replace(action, status="unknown", result=reason), attempt)
    standing = yield from standing.append("unknown", result=reason)
    if ends.resolve is not None:
        standing = yield from ends.resolve(action, standing, False)
    if standing.how == "done":
        return _as_done(action, standing, attempt)
    if standing.how == "free":
        _forget(action, attempt)
    raise EffectUnknown(f"{action}: {reason}")


def _as_done(action: Action, standing: Standing, attempt: Attempt) -> Action:
    """Give an action that the journal holds as done, where this task may have its result.

    Raises:
        EffectRepeated: other work has done it, or with other arguments.
    """
    begun = _begun(action, attempt)
    # A worker that pauses for a question goes on as another task, which then gets the answer.
    asked = standing.answers_in(running_task()) and standing.run == attempt.run
    # A proposal has its time: another runner has carried out this very one, whose run goes on here.
    mine = standing.owner == attempt.owner or begun is not None or asked or standing.holds(action)
    last = standing.entries[-1]
    if not mine or standing.digest != action.digest:
        other = standing.by if standing.by != attempt.place.thread else ""
        raise EffectRepeated(_repeated(action, standing.result, other, dry=last.kind == "dry"))
    status: ActionStatus = "dry" if last.kind == "dry" else "done"
    done = replace(begun or action, status=status, result=standing.result, ended=last.at or now())
    record(done, attempt)
    return done


def _release(action: Action, attempt: Attempt, standing: Standing, why: str) -> Logic[None]:
    yield from standing.append("released", why=why)
    _forget(action, attempt)


def _forget(action: Action, attempt: Attempt) -> None:
    for layer in attempt.layers():
        with layer.lock:
            layer.actions.pop((action.name, action.key), None)


def _begun(action: Action, attempt: Attempt) -> Action | None:
    """Give what this attempt, or one around it, has or may have done under the action's key."""
    for layer in attempt.layers():
        recorded = layer.actions.get((action.name, action.key))
        if recorded is not None and recorded.status in STANDING:
            return recorded
    return None


def _unknown(action: Action) -> str:
    return (
        f"{action} was begun before and its end is not known; look whether it happened "
        f"(key {action.key!r}) before anything runs it again"
    )


def _repeated(action: Action, result: Any, by: str = "", *, dry: bool = False) -> str:
    where = f"thread {by!r}, whose effects this one shares as a fork" if by else "this thread"
    done = "was done before"
    if dry:  # nothing has happened, but the real one would be refused here
        done, where = "would have been done before", f"{where}, which is a dry run"
    return (
        f"{action} {done} in {where} (key {action.key!r}, result {result!r:.120}); "
        "if it is meant to happen twice, put what differs into the key"
    )
