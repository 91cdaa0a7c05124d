"""Say in the same words in all reports: the verdict, a run's name, a gate's demand, a label."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from quintet.errors import DesignError
from quintet.evals.expected import contradictions, forbidden_uses, wrong_labels
from quintet.evals.figure import Figure
from quintet.evals.gate import Gate, Verdict
from quintet.evals.metrics.routing import NOBODY, expected_and_chosen
from quintet.evals.report import Report
from quintet.evals.row import Row
from quintet.evals.trajectory import ToolCall
from quintet.state.record import plain

# No XML parser and no terminal may get these: control characters but tab and newline, half
# surrogates, and the marks that show a text in another order than it is written.
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)

ARROW = " → "


@dataclass(frozen=True, kw_only=True)
class JudgedRow:
    """One row with the contradictions to its labels, which are looked for once a report.

    Args:
        row: the row.
        why: what is wrong, one sentence each; empty where nothing is.
    """

    row: Row
    why: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the case's id, with the number of the run from the second run on."""
        repeat = self.row.repeat
        return self.row.case.id if repeat == 0 else f"{self.row.case.id} (run {repeat + 1})"

    @property
    def routes(self) -> tuple[str, str] | None:
        """Return the expected and the chosen route; None where no label tells the route."""
        return expected_and_chosen(self.row.case, self.row.trajectory)


def judge_rows(report: Report) -> tuple[JudgedRow, ...]:
    """Judge all rows, in their order."""
    return tuple(
        JudgedRow(row=row, why=contradictions(row.case, row.trajectory)) for row in report.rows
    )


def clean(text: Any) -> str:
    """Replace the characters that a terminal, an XML parser or an encoder cannot take."""
    return _UNFIT.sub("\ufffd", str(text).replace("\r\n", "\n"))


def short(text: Any, length: int) -> str:
    """Put a text on one line, and cut it off with an ellipsis at this length."""
    line = " ".join(clean(text).split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def finite(value: float | None) -> float | None:
    """Return a number that JSON knows; None for NaN and the infinities."""
    return None if value is None or not isfinite(value) else value


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 case`, `2,000 cases`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def value_text(figure: Figure) -> str:
    """Return a figure's value without its unit; `none` where it has no finite value."""
    value = finite(figure.value)
    return "none" if value is None else figure.shown(value)


def unit_text(figure: Figure) -> str:
    """Return a figure's unit; empty for shares and plain numbers."""
    return "" if figure.unit in ("share", "number") else figure.unit


def run_size(report: Report) -> str:
    """Return the number of cases and of runs: `400 cases`, `400 cases, 800 runs`."""
    cases = len({row.case.id for row in report.rows})
    if len(report.rows) == cases:
        return counted(cases, "case")
    return f"{counted(cases, 'case')}, {counted(len(report.rows), 'run')}"


def facts(report: Report) -> list[str]:
    """Return the number of cases and runs, and the seconds where they are known."""
    seconds = [f"{report.seconds:,.1f} s"] if finite(report.seconds) else []
    return [run_size(report), *seconds]


def capitalized(sentence: str) -> str:
    """Return a sentence with its first letter as a capital, the others as they are."""
    return sentence[:1].upper() + sentence[1:]


def cut_off(report: Report) -> str:
    """Say in a sentence that runs are missing; empty where the report is whole."""
    if len(report.rows) >= report.expected:
        return ""
    return (
        f"cut off: only {len(report.rows):,} of {counted(report.expected, 'run')} were made, "
        "so the figures are of a part"
    )


def other_notes(report: Report) -> list[str]:
    """Return the report's notes without the one that repeats `cut_off`."""
    cut = cut_off(report)
    return [note for note in report.notes if not (cut and note.startswith("cut off"))]


def missed_first(report: Report) -> list[Verdict]:
    """Return the verdicts on the gates, those of the missed ones first."""
    return sorted(report.verdicts, key=lambda verdict: verdict.passed)


def verdict_word(report: Report) -> str:
    """Return `pass`, `MISS`, or `no gates` where nothing had to be reached."""
    if not report.passed:
        return "MISS"
    return "pass" if report.verdicts else "no gates"


def verdict_reason(report: Report, wrong: int | None = None) -> str:
    """Say in one line which gates were missed and how many runs are wrong.

    Args:
        report: the report.
        wrong: the number of wrong rows, if that is known already.
    """
    gates = report.verdicts
    missed = [verdict.gate.metric for verdict in gates if not verdict.passed]
    parts = [cut_off(report)] if cut_off(report) else []
    if missed:
        metrics = ", ".join(dict.fromkeys(missed))
        parts.append(f"{len(missed)} of {counted(len(gates), 'gate')} missed ({metrics})")
    elif gates:
        parts.append(f"all {len(gates)} gates passed" if len(gates) > 1 else "its gate passed")
    number = len(report.wrong) if wrong is None else wrong
    labelled = any(row.case.expects for row in report.rows)
    if not report.rows:
        parts.append("no case was run")
    elif labelled or number:  # a run that raised is wrong without any label
        parts.append(f"{number:,} of {counted(len(report.rows), 'run')} wrong")
    else:
        parts.append("no case has a label, so nothing can be wrong")
    return "; ".join(parts)


def verdict_line(report: Report, wrong: int | None = None) -> str:
    """Sum a report up in one line, such as `MISS: 1 of 5 gates missed (...); 9 of 90 runs wrong`.

    Args:
        report: the report.
        wrong: the number of wrong rows, if that is known already.
    """
    return f"{verdict_word(report)}: {verdict_reason(report, wrong)}"


def requirement(gate: Gate, figure: Figure | None = None) -> str:
    """Say what a gate demands of its figure: `at least 0.920`, `none`."""
    if gate.none:
        return "none"
    limit, side = (
        (gate.at_most, "at most") if gate.at_least is None else (gate.at_least, "at least")
    )
    share = figure is None or figure.unit == "share"
    return f"{side} {limit:.3f}" if share else f"{side} {limit:.4g}"


@dataclass(frozen=True, kw_only=True)
class LabelComparison:
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


def compare_labels(row: Row) -> Iterator[LabelComparison]:
    """Compare each label of a row's case with what the run did, the contradicted ones first."""
    wrong = wrong_labels(row.case, row.trajectory)
    for name in sorted(row.case.expects, key=lambda name: name not in wrong):
        expected, got = _sides(name, row)
        if row.trajectory.error and name != "answer":  # it has no check, only a judge
            got = "nothing: it raised"
        yield LabelComparison(label=name, expected=expected, got=got, wrong=name in wrong)


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
            return call_line(case.calls or ()), call_line(run.calls)
        case "never":
            return f"never {', '.join(case.never)}", ", ".join(forbidden_uses(case, run)) or "none"
        case "escalate":
            return _person(case.escalate is True), _person(run.escalated)
        case "approval":
            asked = f"asked about {', '.join(run.asked)}" if run.asked else "did not ask"
            return "asks for a yes" if case.approval else "does not ask", asked
        case "state":
            # Only the labelled keys: a run's state may hold anything, however large.
            labelled = {key: run.state[key] for key in case.state or () if key in run.state}
            return as_text(case.state), as_text(labelled)
    return as_text(getattr(case, name)), as_text(getattr(run, name, ""))


def _person(escalated: bool) -> str:
    return "goes to a person" if escalated else "stays with the agents"


def _line(names: Sequence[str] | None) -> str:
    return ARROW.join(names or ()) or "none"


def call_line(calls: Sequence[ToolCall]) -> str:
    """Write calls on one line: names, arguments, and a status other than `ok`."""
    return ARROW.join(map(_call, calls)) or "none"


def _call(call: ToolCall) -> str:
    arguments = ", ".join(f"{name}={as_text(value)}" for name, value in call.arguments.items())
    status = "" if call.status == "ok" else f" [{call.status}]"
    return f"{call.name}({arguments}){status}" if arguments or status else call.name


def as_text(value: Any) -> str:
    """Write a value as JSON; return a text as it is."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(plain(value), ensure_ascii=False)
    except (DesignError, ValueError):
        return repr(value)


def metric_errors(errors: Mapping[str, str]) -> list[str]:
    """Name the metrics that raised, one sentence each."""
    return [f"metric {name} raised {text}" for name, text in errors.items()]
