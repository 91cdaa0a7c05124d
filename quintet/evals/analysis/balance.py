"""Check how evenly a set of cases is labelled, before an accuracy on it is believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quintet.evals.case import Case
from quintet.evals.items import items_in, names_in
from quintet.evals.trajectory import PEOPLE
from quintet.state.record import digest, plain

KINDS = ("route", "outcome", "escalate", "approval", "tags")
BIG = 0.8
"""From this share on, one class makes an accuracy easy to reach."""
FEW = 5
"""Below this number of cases, a class's own figures say little."""
SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Balance:
    """The counts of the labels in a set of cases.

    Attributes:
        cases: the number of cases.
        counts: by kind of label (`route`, `outcome`, `escalate`, `approval`, `tags`), the number of
            cases that accept each label, the most frequent first; kinds that no case has are left
            out.
        labelled: by kind, the number of cases that have such a label.
        warnings: uneven or contradictory labels, one sentence each.
    """

    cases: int
    counts: Mapping[str, Mapping[str, int]]
    labelled: Mapping[str, int]
    warnings: tuple[str, ...] = ()

    @property
    def biggest(self) -> Mapping[str, float]:
        """Compute by kind the score (0 to 1) of always giving the most frequent label."""
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
    """Count the labels of cases, and warn of labels that make figures easy or doubtful.

    Args:
        cases: the cases.
        people: routes at which a person takes over.

    Raises:
        DesignError: no list of cases, or `people` that is one name.
    """
    cases = items_in(cases, "balance(...)", Case)
    people = names_in(people, "balance(people=...)")
    sets = {kind: [labels for case in cases if (labels := _labels(case, kind))] for kind in KINDS}
    # A label that a case names twice counts once.
    counts = {
        kind: dict(
            Counter(label for labels in several for label in dict.fromkeys(labels)).most_common()
        )
        for kind, several in sets.items()
        if several
    }
    labelled = {kind: len(sets[kind]) for kind in counts}
    warnings = [
        *(text for kind in counts for text in _uneven(kind, counts[kind], labelled[kind])),
        *_no_escalations(cases, people),
        *_repeats(cases),
    ]
    return Balance(cases=len(cases), counts=counts, labelled=labelled, warnings=tuple(warnings))


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


def _no_escalations(cases: tuple[Case, ...], people: Sequence[str]) -> Iterator[str]:
    routed = any(case.route or case.escalate is not None for case in cases)
    escalated = any(
        case.escalate or set(people) & set(case.route or ()) or "escalated" in (case.outcome or ())
        for case in cases
    )
    if routed and not escalated:
        yield (
            "no case must go to a person: nothing here shows what happens to requests that no "
            "route takes; add some with escalate=True"
        )


def _repeats(cases: tuple[Case, ...]) -> Iterator[str]:
    by_input: dict[str, list[Case]] = {}
    for case in cases:
        by_input.setdefault(_input_key(case.input), []).append(case)
    repeated = [group for group in by_input.values() if len(group) > 1]
    contradicting = [group for group in repeated if len({_expected(case) for case in group}) > 1]
    same = [group for group in repeated if group not in contradicting]
    if contradicting:
        yield (
            f"{_inputs(contradicting)} under contradicting labels, so that no target can be right: "
            f"{_some([_named(group) for group in contradicting], '; ')}"
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
    """Return a digest of a case's labels, the same for sets in any order.

    The answer is left out: two wordings of one answer are no contradiction.
    """
    labels = {name: getattr(case, name) for name in case.expects if name != "answer"}
    sets = ("route", "outcome", "never")
    return digest({n: sorted(v) if n in sets else plain(v) for n, v in labels.items()})


def _input_key(value: Any) -> str:
    """Return a digest of an input, the same for texts that differ only in case or blanks."""
    return digest(_folded(plain(value)))


def _folded(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value.casefold().split())
    if isinstance(value, dict):
        return {key: _folded(item) for key, item in value.items()}
    return [_folded(item) for item in value] if isinstance(value, list) else value
