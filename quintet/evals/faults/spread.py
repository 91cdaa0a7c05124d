"""Follow a fault through the nodes that run after it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from quintet.evals.faults.fault import Spot

StepStatus = Literal["begun", "done", "asked", "failed"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One visit of a node: `done` where it handed something on, `asked` where it asks a person."""

    spot: Spot
    status: StepStatus = "begun"


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The nodes of one run in order, and where in it a fault changed what was handed on.

    Attributes:
        steps: the visits of nodes, in the order in which they began.
        at: the index of the node that was at work; None where nothing was changed.
        keys: the keys of the state that were changed, where known.
    """

    steps: tuple[Step, ...] = field(default=(), repr=False)
    at: int | None = None
    keys: tuple[str, ...] | None = None

    def begun(self, step: Step) -> Spread:
        """Return it with one more node."""
        return replace(self, steps=(*self.steps, step))

    def ended(self, index: int, status: StepStatus) -> Spread:
        """Return it with the end of a node."""
        ended = replace(self.steps[index], status=status)
        return replace(self, steps=(*self.steps[:index], ended, *self.steps[index + 1 :]))

    def struck(self, at: int | None, keys: tuple[str, ...] | None) -> Spread:
        """Return it with the first change: the index of the node at work, and the keys changed."""
        return self if self.at is not None else replace(self, at=at, keys=keys)

    @property
    def planted(self) -> bool:
        """Say whether something was changed in what a node handed on."""
        return self.at is not None

    @property
    def after(self) -> tuple[Step, ...]:
        """Return the nodes that began after the one in which it was changed."""
        return () if self.at is None else self.steps[self.at + 1 :]

    def touches(self, step: Step) -> bool:
        """Say whether a node may have built on what was changed.

        Only of a router it is known what it reads; any other node may read all of the state.
        """
        if step.spot.kind != "router" or not step.spot.fields or self.keys is None:
            return True
        return bool(set(self.keys) & set(step.spot.fields))
