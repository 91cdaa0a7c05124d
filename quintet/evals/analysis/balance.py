"""How even a set of cases is: what a reader must know before believing an accuracy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quintet.evals.case import Case
from quintet.evals.trajectory import PEOPLE
from quintet.state.record import digest, plain

KINDS = ("route", "outcome", "escalate", "approval", "tags")
BIG = 0.8
"""The share from which on one class makes an accuracy easy."""
FEW = 5
"""Cases of a class, under which its own figures say little."""
SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Balance:
    """How often each label occurs in a set of cases.

    Attributes:
        cases: how many there are.
        counts: by kind of label (`route`, `outcome`, `escalate`, `approval`, `tags`), how many
            cases accept each label, the most frequent first; kinds that no case has are left out.
        labelled: by kind, how many cases have such a label.
        warnings: what is uneven or contradictory, one sentence each.
    """

    cases: int
    counts: Mapping[str, Mapping[str, int]]
    labelled: Mapping[str, int]
    warnings: tuple[str, ...] = ()

    @property
    def biggest(self) -> Mapping[str, float]:
        """By kind, the score (0 to 1) of always giving the most frequent label."""
        return {
            kind: max(counts.values()) / self.labelled[kind] for kind, counts in self.counts.items()
        }

    def __str__(self) -> str:
        lines = [f"{self.cases} cases"]
        for kind, counts in self.counts.items():
            shown = ", ".join(f"{label} {count}" for label, count in counts.items())
            lines.append(
                f"  {kind:<9} {self.labelled[kind]:>5} labelled, biggest "
                f"{self.biggest[kind]:.2f}: {shown}"
            )
        return "\n".join([*lines, *(f"  ! {warning}" for warning in self.warnings)])


def balance(cases: Iterable[Case], *, people: Sequence[str] = PEOPLE) -> Balance:
    """Count the labels of cases, and say what makes figures on them easy or doubtful.

    Args:
        cases: the cases.
        people: routes that mean that a person takes over.
    """
    given = tuple(cases)
    found = {kind: [labels for case in given if (labels := _labels(case, kind))] for kind in KINDS}
    counts = {
        kind: dict(
            Counter(label for labels in sets for label in dict.fromkeys(labels)).most_common()
        )
        for kind, sets in found.items()
        if sets
    }
    labelled = {kind: len(found[kind]) for kind in counts}
    warnings = [
        *(said for kind in counts for said in _uneven(kind, counts[kind], labelled[kind])),
        *_nobody(given, people),
        *_repeats(given),
    ]
    return Balance(cases=len(given), counts=counts, labelled=labelled, warnings=tuple(warnings))


def _labels(case: Case, kind: str) -> tuple[str, ...]:
    value = getattr(case, kind)
    if isinstance(value, bool):
        return ("yes" if value else "no",)
    return value or ()


def _uneven(kind: str, counts: Mapping[str, int], labelled: int) -> Iterator[str]:
    if kind == "tags":
        return
    label, most = next(iter(counts.items()))
    if most / labelled >= BIG:
        yield f"{kind}: always saying {label!r} would score {most / labelled:.2f}"
    if few := [f"{label} {count}" for label, count in counts.items() if count < FEW]:
        classes, have = ("classes", "have") if len(few) > 1 else ("class", "has")
        yield (
            f"{kind}: {len(few)} {classes} {have} fewer than {FEW} cases ({_some(few)}): "
            "figures of a class alone say little"
        )


def _nobody(cases: tuple[Case, ...], people: Sequence[str]) -> Iterator[str]:
    routed = any(case.route or case.escalate is not None for case in cases)
    asking = any(
        case.escalate or set(people) & set(case.route or ()) or "escalated" in (case.outcome or ())
        for case in cases
    )
    if routed and not asking:
        yield (
            "no case must go to a person: nothing here shows what happens to requests that no "
            "route takes; add some with escalate=True"
        )


def _repeats(cases: tuple[Case, ...]) -> Iterator[str]:
    alike: dict[str, list[Case]] = {}
    for case in cases:
        alike.setdefault(_key(case.input), []).append(case)
    several = [group for group in alike.values() if len(group) > 1]
    against = [group for group in several if len({_expected(case) for case in group}) > 1]
    same = [group for group in several if group not in against]
    if against:
        yield (
            f"{_inputs(against)} under contradicting labels, so that no target can be right: "
            f"{_some([_named(group) for group in against], '; ')}"
        )
    if same:
        yield (
            f"{_inputs(same)} more than once with the same labels, which counts as more evidence "
            f"than it is: {_some([_named(group) for group in same], '; ')}; drop one, or give "
            "them one group"
        )


def _inputs(groups: list[list[Case]]) -> str:
    return "1 input stands" if len(groups) == 1 else f"{len(groups)} inputs stand"


def _named(group: list[Case]) -> str:
    return f"{group[0].text!r:.50} ({', '.join(case.id for case in group[:SHOWN])})"


def _some(items: list[str], between: str = ", ") -> str:
    more = f"{between}and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return between.join(items[:SHOWN]) + more


def _expected(case: Case) -> str:
    labels = {name: getattr(case, name) for name in case.expects if name != "answer"}
    sets = ("route", "outcome", "never")
    return digest({n: sorted(v) if n in sets else plain(v) for n, v in labels.items()})


def _key(given: Any) -> str:
    """An input's name, the same for texts that differ in case or blanks only."""
    return digest(_folded(plain(given)))


def _folded(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value.casefold().split())
    if isinstance(value, dict):
        return {key: _folded(item) for key, item in value.items()}
    return [_folded(item) for item in value] if isinstance(value, list) else value
