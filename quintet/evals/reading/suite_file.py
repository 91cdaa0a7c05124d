"""Read a suite that a YAML file declares: its keys are the fields of `Suite`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

from quintet.errors import DesignError
from quintet.evals import metrics as ready_made
from quintet.evals.case import Case
from quintet.evals.gate import Gate
from quintet.evals.items import nearest
from quintet.evals.metric import Metric, as_metric
from quintet.evals.reading.files import collected, read_cases
from quintet.evals.reading.lines import Line, Mistakes
from quintet.evals.reading.yamls import lines_of, yaml_document
from quintet.evals.running.modules import THING, named_thing, nearest_file, opened_thing
from quintet.evals.scoring import metrics_of
from quintet.evals.suite import LIMITED, Suite
from quintet.evals.target import as_target
from quintet.state.budget import Budget

SUFFIXES = (".yaml", ".yml")

MAKERS = (
    "abstention_metrics",
    "coverage_at_risk",
    "pass_hat_k",
    "risk_at_coverage",
    "router_metrics",
)
"""The functions of `quintet.evals.metrics` that make metrics out of plain data."""

Way = tuple[str | int, ...]
Kinds = Mapping[str, tuple[tuple[type, ...], str]]

_WHOLE = ((int,), "give a whole number, 1 or more")
_NUMBER = ((int, float), "give a number")
SUITE: Kinds = {
    "name": ((str,), "give a text"),
    "target": ((str,), f"give {THING}"),
    "cases": (
        (list, str, dict),
        "give a list of cases, a file of cases, or an object of path, fields and make",
    ),
    "metrics": ((list,), "give a list of metrics"),
    "gates": ((list,), "give a list of gates, each with its metric"),
    "confidence": ((int, float), "give a number such as 0.95"),
    "seed": ((int,), "give a whole number"),
    "limit": ((dict,), f"give an object of {', '.join(LIMITED)}"),
    "max_errors": _WHOLE,
    "repeats": _WHOLE,
}
_CASES: Kinds = {
    "path": ((str,), "give a file of cases"),
    "fields": ((dict, list), "give the file's name for each field, or names in their order"),
    "make": ((str,), f"give {THING}"),
}
_GATE: Kinds = {
    "metric": ((str,), "give a metric's name"),
    "at_least": _NUMBER,
    "at_most": _NUMBER,
    "none": ((bool,), "give true"),
}
_LIMIT: Kinds = dict.fromkeys(LIMITED, _NUMBER)


@contextmanager
def read_suite(path: str | Path) -> Iterator[Suite]:
    """Read the suite that a YAML file declares, and keep its target open while the block runs.

    The keys are the fields of `Suite`. Files and `FILE.py:NAME` start from the file's folder.

    - `target`: `FILE.py:NAME` or `MODULE:NAME`; a function that needs no arguments is called, and
      may return a context manager. Without cases, as for `quintet eval --live`, none is needed.
    - `cases`: a list of cases, a file for `read_cases`, or an object of its `path`, `fields` and
      `make`.
    - `metrics`: names of `quintet.evals.metrics`, or `FILE.py:NAME` of a metric, or of a function
      that makes some; with parameters an object of one key, such as `pass_hat_k: {k: 4}`.
    - `gates`, `limit`: objects of the fields of `Gate` and `Budget`.

    Raises:
        DesignError: the file's mistakes, each with its line, value and remedy.
    """
    data, node = yaml_document(path, "a suite")
    document = _Document(path=Path(path), lines=lines_of(node), mistakes=Mistakes(source=str(path)))
    with ExitStack() as stack:
        suite = document.suite(data, stack)
        yield suite


@dataclass(frozen=True, kw_only=True)
class _Document:
    path: Path
    lines: Mapping[Way, int]
    mistakes: Mistakes

    def suite(self, data: Any, stack: ExitStack) -> Suite:
        """Build the suite; what has to be imported comes last, once all else is right."""
        parts = self._parts((), data, SUITE)
        if parts.get("cases") and "target" not in parts and "target" not in data:
            self._wrong((), f"no target to run the cases on; give it as target: {THING}")
        given = {name: value for name, value in parts.items() if name not in ("cases", "target")}
        given["limit"] = self._limit(parts.get("limit"))
        given["gates"] = self._gates(parts.get("gates", []))
        names = [*self._metric_names(parts.get("metrics", []))]
        inline = self._cases(parts["cases"]) if isinstance(parts.get("cases"), list) else ()
        self._check()
        # From here on code of the user's is imported.
        given["metrics"] = [metric for name in names for metric in self._metrics(*name, stack)]
        cases = inline or self._cases_in_file(parts.get("cases") or ())
        self._check()
        try:
            suite = Suite(**{"name": self.path.stem, **given}, cases=cases, target=None)
            metrics_of(replace(suite, gates=()))
        except DesignError as problem:
            raise DesignError(f"{self.path}: {problem}") from problem
        self._check_gates(suite)
        target = self._target(parts["target"], cases, stack) if "target" in parts else None
        return suite.on(target)

    def _place(self, way: Way) -> str:
        # A part that came by an alias or a merge has no line of its own.
        while way not in self.lines:
            way = way[:-1]
        return f"line {self.lines[way]}"

    def _wrong(self, way: Way, message: str) -> None:
        self.mistakes.add(self._place(way), f"{way[0]}: {message}" if way[1:] else message)

    def _check(self) -> None:
        """Raise the mistakes so far in the order of their lines."""
        order = sorted(self.mistakes.entries, key=lambda entry: int(entry[0].split()[-1]))
        Mistakes(source=self.mistakes.source, entries=dict.fromkeys(order)).check()

    def _parts(self, way: Way, data: Any, kinds: Kinds, needed: str = "") -> dict[str, Any]:
        """Give the parts of an object that are of their kind; note the mistakes in the others."""
        known = ", ".join(kinds)
        if not isinstance(data, dict):
            self._wrong(way, f"{data!r:.60} is no object; give one of {known}")
            return {}
        found: dict[str, Any] = {}
        for name, value in data.items():
            at = (*way, str(name))
            if name not in kinds:
                near = nearest(str(name), kinds)
                self._wrong(at, f"unknown key {name!r}{near}; known are {known}")
            elif _is_of(value, kinds[name][0]):
                found[name] = value
            else:
                self._wrong(at, f"{name}={value!r:.60}: {kinds[name][1]}, or leave the key out")
        if needed and needed not in data:
            self._wrong((*way, ""), f"no {needed} in {data!r:.60}; {kinds[needed][1]}")
        return found

    def _limit(self, data: Any) -> Budget | None:
        if data is None:
            return None
        try:
            return Budget(**self._parts(("limit",), data, _LIMIT))
        except DesignError as problem:
            self._wrong(("limit", ""), str(problem))
            return None

    def _gates(self, items: Sequence[Any]) -> list[Gate]:
        gates = []
        for number, item in enumerate(items):
            way, before = ("gates", number), len(self.mistakes.entries)
            parts = self._parts(way, item, _GATE, "metric")
            if len(self.mistakes.entries) == before:
                try:
                    gates.append(Gate(**parts))
                except DesignError as problem:
                    self._wrong(way, str(problem))
        return gates

    def _check_gates(self, suite: Suite) -> None:
        """Refuse gates on figures that no metric computes."""
        for number, gate in enumerate(suite.gates):
            # Which pass^k there is depends on how often the cases will be run.
            if gate.metric.startswith("pass_hat_"):
                continue
            try:
                metrics_of(replace(suite, gates=(gate,)))
            except DesignError as problem:
                self._wrong(("gates", number), str(problem))
        self._check()

    def _metric_names(self, items: Sequence[Any]) -> Iterator[tuple[Way, str, Any]]:
        """Give the name of each metric with its parameters, or None where it has none."""
        for number, item in enumerate(items):
            way = ("metrics", number)
            name, settings = item, None
            if isinstance(item, dict) and len(item) == 1:
                [(name, settings)] = item.items()
            if not isinstance(name, str) or not isinstance(settings, dict | None):
                self._wrong(
                    way,
                    f"{item!r:.60} is no metric; give a name, or an object of a name and its "
                    "parameters, such as pass_hat_k: {k: 4}",
                )
            elif ":" in name or name in MAKERS or _is_metric(name):
                yield way, name, settings
            else:
                near = nearest(name, [*MAKERS, *filter(_is_metric, ready_made.__all__)])
                self._wrong(
                    way,
                    f"no metric of quintet.evals.metrics is named {name!r}{near}; give such a "
                    f"name, or for one of yours {THING}",
                )

    def _metrics(self, way: Way, name: str, settings: Any, stack: ExitStack) -> Sequence[Metric]:
        """Find or make the metrics of a name; one name may stand for several."""
        thing = self._imported(way, name) if ":" in name else getattr(ready_made, name)
        if settings is None and ":" in name:
            thing = opened_thing(thing, stack)
        if settings is not None or name in MAKERS:
            thing = self._made(way, name, thing, settings or {})
        try:
            return [*map(as_metric, thing if isinstance(thing, list | tuple) else [thing])]
        except DesignError as problem:
            self._wrong(way, f"{name}: {problem}")
            return []

    def _made(self, way: Way, name: str, maker: Any, settings: Mapping[str, Any]) -> Any:
        if isinstance(maker, Metric) or not callable(maker):
            self._wrong(
                way, f"{name} takes no parameters; leave out {', '.join(map(str, settings))}"
            )
            return ()
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in settings.items()}
        try:
            inspect.signature(maker).bind(**values)
        except TypeError as problem:
            self._wrong(way, f"{name}: {problem}; it takes {inspect.signature(maker)}")
            return ()
        try:
            return maker(**values)
        except (DesignError, TypeError, ValueError) as problem:
            self._wrong(way, f"{name}: {problem}")
            return ()

    def _cases(self, items: Sequence[Any]) -> tuple[Case, ...]:
        places = (self._place(("cases", number)) for number in range(len(items)))
        lines = (Line(place=at, record=item) for at, item in zip(places, items, strict=True))
        return collected(lines, self.mistakes)

    def _cases_in_file(self, given: Any) -> tuple[Case, ...]:
        if not given:
            return ()
        parts = {"path": given} if isinstance(given, str) else given
        parts = self._parts(("cases",), parts, _CASES, "path")
        self._check()
        make = self._imported(("cases", "make"), parts["make"]) if "make" in parts else None
        path = self.path.parent / parts["path"]
        if not path.exists():
            self._wrong(("cases", "path"), f"there is no file {str(path)!r}{nearest_file(path)}")
            return ()
        try:
            return read_cases(path, fields=parts.get("fields"), make=make)
        except DesignError as problem:
            self._wrong(("cases", "path"), str(problem))
            return ()

    def _target(self, name: str, cases: Sequence[Case], stack: ExitStack) -> Any:
        way = ("target",)
        target = opened_thing(self._imported(way, name), stack)
        try:
            as_target(target, cases)
        except DesignError as problem:
            self._wrong(way, f"target={name!r}: {problem}")
        self._check()
        return target

    def _imported(self, way: Way, name: str) -> Any:
        try:
            return named_thing(name, self.path.parent)
        except DesignError as problem:
            raise DesignError(f"{self.path}, {self._place(way)}: {way[0]}: {problem}") from problem


def _is_of(value: Any, kinds: tuple[type, ...]) -> bool:
    # A bool is an int in Python, an empty text names nothing, and a NaN is no number.
    if isinstance(value, float) and not isfinite(value):
        return False
    return isinstance(value, kinds) and value != "" and (bool in kinds) >= isinstance(value, bool)


def _is_metric(name: str) -> bool:
    return isinstance(getattr(ready_made, name, None), Metric)
