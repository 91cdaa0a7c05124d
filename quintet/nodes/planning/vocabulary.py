"""Declare what a plan may say: its kinds of step, and its conditions and reducers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from quintet.errors import DesignError
from quintet.nodes.core.kinds import Checked
from quintet.state.step import STEP_KINDS, Step, StepKind
from quintet.state.verdict import Criterion

Reducer = Callable[[list[Any]], Any]
"""Fold a list of results to one; plain or async."""


@dataclass(frozen=True, kw_only=True)
class Vocabulary(Checked):
    """The words of a plan beside goals and assignees. A plan names functions and never holds code.

    Args:
        kinds: the kinds of step that a plan may hold. By default all of them where code makes the
            plan, and plain steps alone where a chat model does.
        conditions: by name, what an `until` step may wait for: a criterion on a round's result.
        reducers: by name, what a `reduce` step may fold by: a function of the list of results.

    Raises:
        DesignError: an unknown kind, or conditions or reducers that are no functions by name.
    """

    kinds: tuple[StepKind, ...] | None = None
    conditions: Mapping[str, Criterion[[Any]]] = field(default_factory=dict)
    reducers: Mapping[str, Reducer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind in self.kinds or ():
            if kind not in STEP_KINDS:
                raise DesignError(
                    f"Vocabulary(kinds={self.kinds!r}): give kinds of {', '.join(STEP_KINDS)}"
                )
        for name in ("conditions", "reducers"):
            functions = getattr(self, name)
            if not isinstance(functions, Mapping):
                raise DesignError(
                    f"Vocabulary({name}={functions!r:.60}): give a dict of functions by name"
                )
            for key, function in functions.items():
                if not callable(function):
                    raise DesignError(
                        f"Vocabulary({name}={{{key!r}: {function!r:.40}}}): give a function"
                    )

    def faults(self, steps: tuple[Step, ...]) -> Iterator[str]:
        """Yield why steps say what nobody has declared."""
        for step in steps:
            if self.kinds is not None and step.kind not in self.kinds:
                allowed = ", ".join(self.kinds) or "none"
                yield f"step {step.id!r}: the kind {step.kind!r} is denied; allowed are {allowed}"
            for word, name, known in (
                ("condition", step.condition, self.conditions),
                ("reducer", step.reducer, self.reducers),
            ):
                if name and name not in known:
                    declared = ", ".join(known) or "none"
                    yield f"step {step.id!r}: no {word} {name!r} is declared ({declared})"
            yield from self.faults(step.body)
