"""Run an action once: refuse a repeat, claim the action before it runs, record how it ended.

An action's end is kept in two places, and both are written here: the journal, where a claim holds
for all tasks of a superstep, and the attempt, from which it goes into the state.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langgraph.errors import GraphBubbleUp

from quintet.errors import DesignError, EffectRepeated, EffectUnknown
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import ASYNC, Call, Logic, NotCalled
from quintet.state.action import Action
from quintet.state.channels import OPEN, STANDING, slot
from quintet.state.failure import in_words
from quintet.state.journal import journal
from quintet.state.record import plain

UNDER_WAY = "it was under way when its step ended"


def record(action: Action, attempt: Attempt) -> None:
    """Put an action on the record of an attempt and of those around it, which go into the state."""
    for layer in attempt.layers():
        with layer.lock:  # tools of one model message run in parallel threads
            layer.actions[action.name, action.key] = action


def refuse_repeat(action: Action, known: Mapping[str, Any]) -> None:
    """Refuse an action that the state already holds as done, or as of unknown end.

    Raises:
        EffectRepeated, EffectUnknown: they name the action and its key.
    """
    recorded = known.get(slot(known, action.name, action.key))
    if recorded is None:
        return
    if recorded["status"] == "done":
        raise EffectRepeated(_repeated(action, recorded.get("result")))
    if recorded["status"] == "unknown":
        raise EffectUnknown(
            f"{action} was begun before and its end is not known ({recorded.get('result')}); "
            "a person must look whether it happened"
        )


def done_here(action: Action, attempt: Attempt) -> Action | None:
    """Give the action as this attempt has done it already, or None where it is still to be done.

    Raises:
        EffectRepeated, EffectUnknown: it was done before this attempt, with other arguments, or
            its end is not known.
    """
    recorded = _begun(action, attempt)
    if recorded is None:
        for layer in attempt.layers():
            refuse_repeat(action, layer.known)
        return None
    # Neither rule nor gate is asked again: they may look at a record that the action has changed.
    if recorded.status != "done":
        raise EffectUnknown(_unknown(action))
    if recorded.digest != action.digest:
        raise EffectRepeated(_repeated(recorded, recorded.result))
    return recorded


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
    action: Action, attempt: Attempt, call: Call, harmless: tuple[type[BaseException], ...] = ()
) -> Logic[Action]:
    """Claim an action, make the call, and give the action as done, with its result.

    After an exception of a `harmless` type the action is known not to have happened, and may be
    tried again; after any other its end is recorded as unknown.

    Raises:
        EffectRepeated, EffectUnknown: another task has claimed it, it was done with other
            arguments, or its end is not known.
        AttemptEnded: the attempt has ended.
        DesignError: the call is async where nothing awaits it, asks a person, or its result cannot
            be kept; in the last case the action is on record as done nevertheless.
    """
    attempt.check_open(action.name)
    if (done := _claim(action, attempt)) is not None:
        return done
    try:
        returned = yield call
    except NotCalled:
        _release(action, attempt)
        raise DesignError(f"effect {action.name!r} is async: {ASYNC}") from None
    except GraphBubbleUp:
        # LangGraph would run the node anew after the answer, and the effect with it.
        raise DesignError(
            f"{action} asks a person, or leaves, from inside the effect, and nobody can tell what "
            "it had done by then; ask by an ApprovalGate, or in the agent before the effect"
        ) from None
    except harmless:
        _release(action, attempt)
        raise
    except BaseException as problem:
        record(replace(action, status="unknown", result=in_words(problem)), attempt)
        raise
    return _settle(action, returned, attempt)


def _claim(action: Action, attempt: Attempt) -> Action | None:
    """Give None where the action may run now, else the action as it was done before."""
    standing = journal().claim(attempt.task.superstep, _claimed(action), attempt.owner)
    if standing is None:
        # The step may end while the action runs, by a tool beside it or a time-out.
        record(replace(action, status="unknown", result=UNDER_WAY), attempt)
        return None
    if standing.status != "done":
        raise EffectUnknown(_unknown(action))
    # The same task has done it in an earlier try; its record has the arguments of then.
    done = replace(_begun(action, attempt) or action, status="done", result=standing.result)
    if standing.owner != attempt.owner or done.digest != action.digest:
        raise EffectRepeated(_repeated(done, standing.result))
    record(done, attempt)
    return done


def _settle(action: Action, returned: Any, attempt: Attempt) -> Action:
    """Record the action as done, even where its result cannot be kept: it has happened."""
    fault = None
    try:
        result = plain(returned)
    except DesignError as problem:
        fault, result = problem, f"{returned!r:.200}"
    action = replace(action, status="done", result=result, ended=time.time())
    journal().settle(attempt.task.superstep, _claimed(action), result)
    record(action, attempt)
    if fault is not None:
        raise DesignError(f"{action} is done, but its result cannot be kept: {fault}") from fault
    return action


def _release(action: Action, attempt: Attempt) -> None:
    journal().release(attempt.task.superstep, _claimed(action))
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


def _claimed(action: Action) -> str:
    return f"{action.name}:{action.key}"


def _unknown(action: Action) -> str:
    return (
        f"{action} was begun before and its end is not known; look whether it happened "
        f"(key {action.key!r}) before anything runs it again"
    )


def _repeated(action: Action, result: Any) -> str:
    return (
        f"{action} was done before in this thread (key {action.key!r}, result {result!r:.120}); "
        "if it is meant to happen twice, put what differs into the key"
    )
