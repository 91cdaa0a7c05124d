"""Name the failure modes of MAST, and find those that a run's records show.

MAST is the taxonomy of Cemri et al. 2025, "Why Do Multi-Agent LLM Systems Fail?" (arXiv
2503.13657): fourteen modes in three groups, found there by people and by a model that read whole
transcripts. Here each is found by a deterministic rule on labels and records alone: a rule sees
less than a reader, and what it names can be looked up. Where records or labels are missing, a mode
is not seen; that it is not named does not say that it is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from quintet.evals.case import Case
from quintet.evals.lens import alignment, specification, verification
from quintet.evals.row import Row
from quintet.evals.trajectory import Trajectory

Rule = Callable[[Case, Trajectory], str]
"""A rule returns the evidence in a few words; empty where it finds nothing."""


@dataclass(frozen=True, kw_only=True)
class FailureMode:
    """A mode of the taxonomy that a run shows.

    Attributes:
        code: the mode's number there, such as `1.3`.
        name: its name.
        why: the evidence in the run's records.
    """

    code: str
    name: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.name}: {self.why}" if self.why else f"{self.code} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A mode over a report's runs.

    Args:
        mode: the mode, with the evidence of its first run.
        rows: the runs that show it, each with its evidence.
    """

    mode: FailureMode
    rows: tuple[tuple[Row, str], ...]

    @property
    def wrong(self) -> int:
        """Count those of the runs that contradict a label too."""
        return sum(bool(row.wrong) for row, _ in self.rows)


RULES: Mapping[str, tuple[str, Rule]] = {
    "1.1": ("disobey task specification", specification.disobeyed_task),
    "1.2": ("disobey role specification", specification.disobeyed_role),
    "1.3": ("step repetition", specification.repeated_step),
    "1.4": ("loss of conversation history", specification.lost_history),
    "1.5": ("unaware of termination conditions", specification.unaware_of_end),
    "2.1": ("conversation reset", alignment.reset),
    "2.2": ("fail to ask for clarification", alignment.did_not_ask),
    "2.3": ("task derailment", alignment.derailed),
    "2.4": ("information withholding", alignment.withheld),
    "2.5": ("ignored other agent's input", alignment.ignored),
    "2.6": ("reasoning-action mismatch", alignment.mismatched),
    "3.1": ("premature termination", verification.premature),
    "3.2": ("no or incomplete verification", verification.unverified),
    "3.3": ("incorrect verification", verification.wrongly_verified),
}
"""By the taxonomy's number, each mode's name and its rule."""


def failure_modes(case: Case, trajectory: Trajectory) -> tuple[FailureMode, ...]:
    """Name the failure modes of MAST that a run's records show, by deterministic rules.

    The taxonomy is that of Cemri et al. 2025 (arXiv 2503.13657). Some rules need labels, some the
    records that Quintet's nodes keep, and some calls alone, so that recorded conversations of any
    framework show them too; `docs/recordings.md` says which.

    Args:
        case: with its labels.
        trajectory: the run.

    Returns:
        The modes in the taxonomy's order, each with its evidence; empty where no rule finds one.
    """
    found = ((code, name, rule(case, trajectory)) for code, (name, rule) in RULES.items())
    return tuple(FailureMode(code=code, name=name, why=why) for code, name, why in found if why)


def modes_of(rows: Iterable[Row]) -> tuple[Found, ...]:
    """Find the modes of a report's runs, the most frequent first."""
    by_code: dict[str, list[tuple[Row, FailureMode]]] = {}
    for row in rows:
        for mode in failure_modes(row.case, row.trajectory):
            by_code.setdefault(mode.code, []).append((row, mode))
    found = [
        Found(mode=several[0][1], rows=tuple((row, mode.why) for row, mode in several))
        for several in by_code.values()
    ]
    return tuple(sorted(found, key=lambda item: (-len(item.rows), item.mode.code)))
