"""What all reports say in the same words: the verdict, a row's name, what was expected and got."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from quintet.errors import DesignError
from quintet.evals.expected import contradictions, forbidden_uses, wrong_labels
from quintet.evals.gate import Gate
from quintet.evals.metrics.routing import NOBODY
from quintet.evals.report import Report
from quintet.evals.row import Row
from quintet.evals.trajectory import Call
from quintet.state.record import plain

# What no XML and no terminal may get: control characters but tab and newline, halves of pairs,
# and the marks by which a text may be shown in another order than it is written.
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)

ARROW = " → "


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One row with what contradicts its labels, so that this is found out once a report.

    Args:
        row: the row.
        why: what is wrong, one sentence each; empty where nothing is.
    """

    row: Row
    why: tuple[str, ...]

    @property
    def name(self) -> str:
        """The case's id, and which run of it this is where it is not the first."""
        return named(self.row)


def judged(report: Report) -> tuple[Judged, ...]:
    """All rows in order."""
    return tuple(
        Judged(row=row, why=contradictions(row.case, row.trajectory)) for row in report.rows
    )


def named(row: Row) -> str:
    """The case's id, and which run of it this is where it is not the first."""
    return row.case.id if row.repeat == 0 else f"{row.case.id} (run {row.repeat + 1})"


def clean(text: Any) -> str:
    """A text without characters that a terminal, an XML reader or an encoder stumbles over."""
    return _UNFIT.sub("\ufffd", str(text).replace("\r\n", "\n"))


def short(text: Any, length: int) -> str:
    """A text on one line, cut off with an ellipsis."""
    line = " ".join(clean(text).split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def finite(value: float | None) -> float | None:
    """A number, or None where it is none that JSON knows."""
    return None if value is None or not isfinite(value) else value


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 case`, `2,000 cases`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(report: Report) -> str:
    """How much was run: `400 cases`, `400 cases, 800 runs`."""
    cases = len({row.case.id for row in report.rows})
    if len(report.rows) == cases:
        return counted(cases, "case")
    return f"{counted(cases, 'case')}, {counted(len(report.rows), 'run')}"


def cut_off(report: Report) -> str:
    """That runs are missing, in a sentence; empty where the report is whole."""
    if len(report.rows) >= report.expected:
        return ""
    return (
        f"cut off: only {len(report.rows):,} of {counted(report.expected, 'run')} were made, "
        "so the figures are of a part"
    )


def missed(report: Report) -> tuple[str, ...]:
    """The metrics whose gates were missed."""
    return tuple(dict.fromkeys(each.gate.metric for each in report.verdicts if not each.passed))


def word(report: Report) -> str:
    """`pass`, `MISS`, or `no gates` where nothing had to be reached."""
    if not report.passed:
        return "MISS"
    return "pass" if report.verdicts else "no gates"


def verdict(report: Report, wrong: int | None = None) -> str:
    """The whole report in one line, such as `MISS: 1 of 5 gates missed (...); 9 of 90 runs wrong`.

    Args:
        report: the report.
        wrong: how many rows are wrong, if that is known already.
    """
    gates, lost = report.verdicts, missed(report)
    said = [cut_off(report)] if cut_off(report) else []
    if lost:
        count = sum(not each.passed for each in gates)
        said.append(f"{count} of {counted(len(gates), 'gate')} missed ({', '.join(lost)})")
    elif gates:
        said.append(f"all {len(gates)} gates passed" if len(gates) > 1 else "its gate passed")
    number = len(report.wrong) if wrong is None else wrong
    labelled = any(row.case.expects for row in report.rows)
    if not report.rows:
        said.append("no case was run")
    elif labelled or number:
        said.append(f"{number:,} of {counted(len(report.rows), 'run')} wrong")
    else:
        said.append("no case has a label, so nothing can be wrong")
    return f"{word(report)}: {'; '.join(said)}"


def wanted(gate: Gate, unit: str = "share") -> str:
    """What a gate asks for: `at least 0.92`, `none`."""
    if gate.none:
        return "none"
    limit, side = (
        (gate.at_most, "at most") if gate.at_least is None else (gate.at_least, "at least")
    )
    return f"{side} {limit:.3f}" if unit == "share" else f"{side} {limit:.4g}"


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One label of a case beside what the run did.

    Args:
        label: its name.
        expected: what the case says.
        got: what the run did.
        wrong: whether they contradict each other.
    """

    label: str
    expected: str
    got: str
    wrong: bool


def beside(row: Row) -> Iterator[Beside]:
    """Each label of a row's case beside what the run did, the contradicted ones first."""
    wrong = wrong_labels(row.case, row.trajectory)
    for name in sorted(row.case.expects, key=lambda name: name not in wrong):
        expected, got = _sides(name, row)
        if row.trajectory.error and name != "answer":
            got = "nothing: it raised"
        yield Beside(label=name, expected=expected, got=got, wrong=name in wrong)


def _sides(name: str, row: Row) -> tuple[str, str]:
    case, run = row.case, row.trajectory
    match name:
        case "route":
            return " or ".join(case.route or ()), run.route or NOBODY
        case "outcome":
            return " or ".join(case.outcome or ()), run.status
        case "plan":
            return _line(case.plan), _line(run.plan) if run.plan is not None else "no plan"
        case "path":
            return _line(case.path), _line(run.path)
        case "calls":
            return calls(case.calls or ()), calls(run.calls)
        case "never":
            return f"never {', '.join(case.never)}", ", ".join(forbidden_uses(case, run)) or "none"
        case "escalate":
            return _person(case.escalate is True), _person(run.escalated)
        case "approval":
            asked = f"asked about {', '.join(run.asked)}" if run.asked else "did not ask"
            return "asks for a yes" if case.approval else "does not ask", asked
        case "state":
            real = {key: run.state[key] for key in case.state or () if key in run.state}
            return written(case.state), written(real)
    return written(getattr(case, name)), written(getattr(run, name, ""))


def _person(goes: bool) -> str:
    return "goes to a person" if goes else "stays with the agents"


def _line(names: Sequence[str] | None) -> str:
    return ARROW.join(names or ()) or "none"


def calls(made: Sequence[Call]) -> str:
    """Calls as one line: names, arguments, and a status other than `ok`."""
    return ARROW.join(map(_call, made)) or "none"


def _call(call: Call) -> str:
    given = ", ".join(f"{name}={written(value)}" for name, value in call.arguments.items())
    status = "" if call.status == "ok" else f" [{call.status}]"
    return f"{call.name}({given}){status}" if given or status else call.name


def written(value: Any) -> str:
    """A value as JSON; a text as it is."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(plain(value), ensure_ascii=False)
    except (DesignError, ValueError):
        return repr(value)


def said_error(errors: Mapping[str, str]) -> list[str]:
    """Metrics that raised, one sentence each."""
    return [f"metric {name} raised {text}" for name, text in errors.items()]
