"""Take an action back, once: claimed before and settled after, like the action itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from langgraph.errors import GraphBubbleUp

from quintet.errors import DesignError
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.settlement import Settlement, ask
from quintet.nodes.core.standing import (
    RUNNER,
    Standing,
    alone,
    key_for_receiver,
    standing_of,
    subject_of,
)
from quintet.nodes.core.task import running_task
from quintet.state.action import Action
from quintet.state.failure import in_words
from quintet.state.journal.found import Place
from quintet.state.verdict import Unmet


class Undoable(Protocol):
    """The parts of an effect by which it is taken back."""

    @property
    def undo(self) -> Callable[..., Any] | None:
        """Give the function that takes it back."""

    def undo_call(self, action: Action, result: Any, key: str) -> Call:
        """Give the call that takes it back, with a key by which its receiver knows a repeat."""

    @property
    def undo_honours_key(self) -> bool:
        """Say whether the call passes that key on."""


def take_back(
    effect: Undoable, action: Action, result: Any, place: Place, owner: str
) -> Logic[str]:
    """Take a done action back, and record it; give '' or why it is not undone for certain.

    Args:
        effect: the effect.
        action: the action.
        result: what the effect gave.
        place: the journal, and the thread in it.
        owner: the task that does it.

    Raises:
        Exception: the undo's own; the action stays done, and nobody knows whether it was undone.
    """
    deed = yield from standing_of(place, subject_of(action))
    if deed.by not in ("", place.thread):
        return f"thread {deed.by!r} did it, whose effects this fork shares; undo it there"
    if deed.entries and deed.entries[-1].kind == "undone":
        return ""  # by this work, before its process ended
    about = yield from standing_of(place, f"un{subject_of(action)} {deed.undone}")
    with alone(about, doubled=about.owner == owner):
        if not effect.undo_honours_key:
            about = yield from _settled(about, action)
            if about.how == "unknown":
                return f"its undo was begun, and its end is not known ({about.result or 'cut off'})"
        if about.how != "done":
            key = key_for_receiver(place.for_receivers, action, -1 - deed.undone)
            about = yield from about.append(
                "claimed", owner=owner, digest=action.digest, call=f"undo {action}", runner=RUNNER
            )
            try:
                said = yield effect.undo_call(action, result, key)
            except GraphBubbleUp:
                raise DesignError(f"the undo of {action} asks a person; ask before it") from None
            except Exception as problem:
                yield from about.append("unknown", result=in_words(problem))
                raise
            if said is False or isinstance(said, Unmet):
                # What other functions return, such as a list's `remove`, says nothing.
                yield from about.append("released", result=str(said))
                return f"its undo returned {said!r}"
            yield from about.append("done")
        if deed.how == "done":
            yield from deed.append("undone", how="taken back")
    return ""


def _settled(about: Standing, action: Action) -> Logic[Standing]:
    """Ask a person how an undo ended that was cut off, and record it."""
    task = running_task()
    if not about.place.shared:  # without a saver of ours, perhaps nothing would keep the question
        return about
    # LangGraph gives a task's answers by their order: what was heard before is passed over.
    for _ in about.answers_in(task):
        ask(about, action, BOTH, undoing=True)
    if about.how != "unknown":
        return about
    answer = ask(about, action, BOTH, undoing=True)
    kind = "done" if answer.answer == "happened" else "released"
    said = {"by": answer.by, "note": answer.note, "task": task, "how": "a person said so"}
    return (yield from about.append(kind, **said))


BOTH: tuple[Settlement, ...] = ("happened", "did not happen")
