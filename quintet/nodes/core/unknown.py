"""Find out how an effect ended that was begun: by its receiver, else by a person."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from langgraph.errors import GraphInterrupt

from quintet.errors import ActionRefused, EffectUnknown
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.settlement import SettleAnswer, Settlement, ask
from quintet.nodes.core.standing import Standing, asked_by
from quintet.nodes.core.task import running_task
from quintet.nodes.core.undo import Undoable, take_back
from quintet.state.action import Action
from quintet.state.failure import in_words
from quintet.state.journal.entry import Entry
from quintet.state.record import plain
from quintet.state.verdict import is_async

log = logging.getLogger("quintet")


class Resolvable(Undoable, Protocol):
    """The parts of an effect by which its end is found out."""

    @property
    def reconcile(self) -> Callable[..., Any] | None:
        """Give the function that asks the receiver."""

    @property
    def honours_key(self) -> bool:
        """Say whether the function passes a key on, by which its receiver knows a repeat."""

    def misfit(self, result: Any) -> str:
        """Say why a result is none that the effect may give; empty where it is one."""

    def arguments_for(self, function: Callable[..., Any], action: Action) -> dict[str, Any]:
        """Give the arguments that a function of the effect's takes, by its parameters' names."""


def resolve(
    effect: Resolvable, action: Action, attempt: Attempt, standing: Standing, *, may_ask: bool
) -> Logic[Standing]:
    """Find out how an action ended, and record it: done, or free to be done.

    A receiver that knows a repeat by its key may simply be asked again. Else `reconcile` is asked,
    and where that cannot tell, a person. Once a person has answered, nobody else is asked: their
    word would be lost, or be taken for the answer to the task's next question.

    Args:
        effect: the effect.
        action: the action.
        attempt: the attempt that needs to know.
        standing: the action's stream, with an unknown end.
        may_ask: whether a person may be asked now; else the end stays unknown.

    Returns:
        The stream, with how it ended.

    Raises:
        EffectUnknown: nobody can be asked here.
        ActionRefused: the person had it taken back.
    """
    told_to = running_task()
    asked = (yield from asked_by(told_to, attempt.place)) if may_ask else ()
    answers = _heard_before(effect, action, attempt, standing, asked) if may_ask else ()
    if answers and answers[-1].value.get("undo"):
        yield from _undo(effect, action, attempt, answers[-1])
    if standing.how != "unknown":
        return standing
    asks = may_ask and standing.asks(told_to)
    answer = _answer(effect, action, attempt, standing, asked) if asks else None
    if isinstance(answer, SettleAnswer):
        return (yield from _settled(effect, action, attempt, standing, answer))
    if effect.honours_key:
        return (
            yield from standing.append(
                "released", why="its receiver knows a repeat by its key", told_to=told_to
            )
        )
    if effect.reconcile is not None:
        happened, result = yield from _ask_receiver(effect, action)
        if happened:
            about = {"how": "reconciled", "told_to": told_to}
            return (yield from standing.append("done", result=result, **about))
        if happened is False:
            why = "its receiver does not know of it"
            return (yield from standing.append("released", why=why, told_to=told_to))
    if not may_ask:
        return standing
    if answer is None:
        return (yield from _ask_person(effect, action, attempt, standing, asked))
    raise answer


def _heard_before(
    effect: Resolvable,
    action: Action,
    attempt: Attempt,
    standing: Standing,
    asked: tuple[Standing, ...],
) -> tuple[Entry, ...]:
    """Take the answers that this task has got about an action, or that came too late.

    LangGraph gives a task's answers by their order: what is not taken here would be taken for the
    answer to the task's next question. The journal has them; here they only are out of the way.
    """
    task = running_task()
    answers = standing.answers_in(task)
    # A retry within the task counts its questions from the first again, and hears them anew.
    if (task, standing.subject) in attempt.heard.effects:
        return answers
    attempt.heard.effects.add((task, standing.subject))
    for _ in range(standing.questions_over(task)):
        _next_answer(effect, action, attempt, standing, asked)
    return answers


def _ask_receiver(effect: Resolvable, action: Action) -> Logic[tuple[bool | None, Any]]:
    """Ask the receiver; give whether it happened, None where it cannot tell, and its result."""
    reconcile: Any = effect.reconcile
    arguments = effect.arguments_for(reconcile, action)
    try:
        found = yield Call(reconcile, (), options=arguments, blocks=not is_async(reconcile))
        result = plain(found)
    except Exception as problem:  # noqa: BLE001 - it may fail in any way
        log.warning("reconcile of %s: %s; nobody can tell", action, in_words(problem))
        return None, None
    if found is True or found is False:
        return found, None
    # An empty answer may be a receiver that was not reached: only False says that it did not.
    return (True, result) if found else (None, None)


def _ask_person(
    effect: Resolvable,
    action: Action,
    attempt: Attempt,
    standing: Standing,
    asked: tuple[Standing, ...],
) -> Logic[Standing]:
    """Ask, and note that this task does: when it is run anew, an answer may be there."""
    if not attempt.place.shared:  # without a saver of ours, perhaps nothing would keep the question
        raise EffectUnknown(
            f"{action} was begun before and its end is not known; look whether it happened "
            f"(key {action.key!r}) before anything runs it again"
        )
    standing = yield from standing.append("unknown", result=standing.result, asks=running_task())
    answer = _answer(effect, action, attempt, standing, asked)
    if isinstance(answer, GraphInterrupt):
        raise answer
    return (yield from _settled(effect, action, attempt, standing, answer))


def _answer(
    effect: Resolvable,
    action: Action,
    attempt: Attempt,
    standing: Standing,
    asked: tuple[Standing, ...],
) -> SettleAnswer | GraphInterrupt:
    """Give the answer that a person has given, or the question that is to be raised."""
    try:
        return _next_answer(effect, action, attempt, standing, asked, misfit=effect.misfit)
    except GraphInterrupt as question:
        return question


def _next_answer(
    effect: Resolvable,
    action: Action,
    attempt: Attempt,
    standing: Standing,
    asked: tuple[Standing, ...],
    *,
    misfit: Callable[[Any], str] | None = None,
) -> SettleAnswer:
    """Take the next answer about an action; keep those about others that come before it.

    LangGraph gives a task's answers by their order, and an agent that is called anew may come to
    its effects in another order than the one in which it asked about them.
    """
    task = running_task()
    for known, early in attempt.heard.early:
        if known == task and early.digest == action.digest:
            attempt.heard.early.remove((known, early))
            if misfit is None or not misfit(early.result):
                return early
            break
    while True:
        others = {o.digest for o in asked if _has_answers(o, attempt, task)} - {action.digest}
        answer = ask(standing, action, _answers(effect), misfit=misfit, others=others)
        if answer.digest == action.digest:
            return answer
        attempt.heard.early.append((task, answer))


def _has_answers(other: Standing, attempt: Attempt, task: str) -> bool:
    """Say whether answers about another effect may still come, which this task has not taken."""
    over = 0 if (task, other.subject) in attempt.heard.effects else other.questions_over(task)
    taken = sum(
        known == task and early.digest == other.digest for known, early in attempt.heard.early
    )
    return over + (other.how == "unknown" and other.asks(task)) > taken


def _settled(
    effect: Resolvable, action: Action, attempt: Attempt, standing: Standing, answer: SettleAnswer
) -> Logic[Standing]:
    said = {"by": answer.by, "note": answer.note, "task": running_task()}
    said["how"] = "a person said so"
    if answer.answer == "did not happen":
        return (yield from standing.append("released", **said))
    undo = answer.answer == "undo"
    done = yield from standing.append("done", result=answer.result, undo=undo, **said)
    if undo:
        yield from _undo(effect, action, attempt, done.entries[-1])
    return done


def _undo(effect: Resolvable, action: Action, attempt: Attempt, answer: Entry) -> Logic[None]:
    """Take an action back as a person said, and refuse it to whoever wanted it."""
    by, note = answer.value["by"], answer.value["note"]
    result = answer.value.get("result")
    why = yield from take_back(effect, action, result, attempt.place, attempt.owner)
    if why:
        raise EffectUnknown(f"{action} happened, and {by} wanted it taken back: {why}")
    raise ActionRefused(f"{action} was taken back by {by}: {note}", note)


def _answers(effect: Resolvable) -> tuple[Settlement, ...]:
    both: tuple[Settlement, ...] = ("happened", "did not happen")
    return both if effect.undo is None else (*both, "undo")
