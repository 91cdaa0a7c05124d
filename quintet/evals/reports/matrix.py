"""The confusion matrix as a table that fits a page, however many routes there are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quintet.evals.metrics import Confusion, confusion
from quintet.evals.metrics.routing import NOBODY, expected_and_chosen
from quintet.evals.reports.markup import esc, head, tag
from quintet.evals.reports.words import Judged, counted, short

WHOLE, PART, MIXUPS, IDS = 16, 12, 12, 12

Pairs = Mapping[tuple[str, str], Sequence[Judged]]


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What is shown of a confusion matrix.

    Args:
        labels: the routes with a row and a column of their own.
        others: how many routes are put together into one more, the last.
        counts: a row for each expected route, a column for each chosen one.
        mixed: of the runs in the last cell, those between two different routes of the others.
    """

    labels: tuple[str, ...]
    others: int
    counts: tuple[tuple[int, ...], ...]
    mixed: int = 0


def matrix(found: Confusion) -> Matrix:
    """The matrix as it is up to 16 routes; of more, those that are mixed up most and the rest."""
    if len(found.labels) <= WHOLE:
        return Matrix(labels=found.labels, others=0, counts=found.counts)
    weight: Counter[str] = Counter()
    for mixup in found.worst:
        weight[mixup.expected] += mixup.count
        weight[mixup.chosen] += mixup.count
    chosen = {name for name, _ in weight.most_common(PART)}
    labels = tuple(name for name in found.labels if name in chosen)
    rest = len(labels)
    place = {name: labels.index(name) if name in chosen else rest for name in found.labels}
    counts = [[0] * (rest + 1) for _ in range(rest + 1)]
    mixed = 0
    for told, line in zip(found.labels, found.counts, strict=True):
        for got, count in zip(found.labels, line, strict=True):
            counts[place[told]][place[got]] += count
            mixed += count if told != got and place[told] == place[got] == rest else 0
    return Matrix(
        labels=labels,
        others=len(found.labels) - rest,
        counts=tuple(map(tuple, counts)),
        mixed=mixed,
    )


def matrix_section(rows: Iterable[Judged], confidence: float) -> str:
    """The matrix, the most frequent mix-ups, and each route's precision and recall, as HTML.

    Empty where no case has a label for the route.
    """
    rows = list(rows)
    found = confusion([item.row for item in rows], confidence=confidence)
    if not found.total:
        return ""
    pairs: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for item in rows:
        if (pair := expected_and_chosen(item.row.case, item.row.trajectory)) is not None:
            pairs[pair].append(item)
    shown = matrix(found)
    hint = "Expected routes down, chosen routes across. An underlined number leads to its runs."
    if shown.others:
        hint += (
            f" Of {len(found.labels)} routes the {len(shown.labels)} that are mixed up most have "
            f"a line of their own; “other” is the remaining {shown.others}"
            f" ({counted(shown.mixed, 'run')} mixed up among themselves)."
        )
    table = tag(
        "div",
        _table(shown, pairs),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label="Confusion matrix",
    )
    return tag("p", hint, class_="hint") + table + _mixups(found, pairs) + _routes(found)


def _table(shown: Matrix, pairs: Pairs) -> str:
    names = [*shown.labels, *(["other"] if shown.others else [])]
    most = max(max(line) for line in shown.counts)
    columns = "".join(
        tag("th", tag("span", esc(short(name, 28)), title=name), scope="col", class_="turn")
        for name in names
    )
    corner = tag("th", "expected ↓ chosen →", scope="col", class_="corner")
    lines = []
    for at, name in enumerate(names):
        cells = "".join(
            _cell(count, at == to, (name, names[to]), most, pairs)
            for to, count in enumerate(shown.counts[at])
        )
        total = sum(shown.counts[at])
        if not total:  # nobody is chosen, and hardly ever expected
            continue
        label = tag("th", esc(short(name, 28)), scope="row", title=name)
        lines.append(tag("tr", f"{label}{cells}{tag('td', f'{total:,}', class_='sum')}"))
    top = tag("thead", tag("tr", f"{corner}{columns}{tag('th', 'all', scope='col', class_='sum')}"))
    return tag("table", top + tag("tbody", "".join(lines)), class_="matrix")


def _cell(count: int, same: bool, pair: tuple[str, str], most: int, pairs: Pairs) -> str:
    if not count:
        return tag("td", "·", class_="zero")
    heat = round(0.12 + 0.6 * count / most if same else min(0.25 + 1.5 * count / most, 0.85), 2)
    inner = f"{count:,}"
    if not same and pair in pairs:
        inner = _jump(pair, inner, pairs[pair])
    return tag("td", inner, class_="hit" if same else "slip", style=f"--h:{heat}")


def _jump(pair: tuple[str, str], inner: str, runs: Sequence[Judged]) -> str:
    ids = ", ".join(short(item.name, 40) for item in runs[:IDS])
    more = f" and {len(runs) - IDS} more" if len(runs) > IDS else ""
    title = f"expected {pair[0]}, chosen {pair[1]}: {ids}{more}"
    return tag("a", inner, href="#wrong", title=title, data_told=pair[0], data_got=pair[1])


def _mixups(found: Confusion, pairs: Pairs) -> str:
    if not found.worst:
        return tag("p", "No run took a wrong route.")
    items = []
    for each in found.worst[:MIXUPS]:
        pair = (each.expected, each.chosen)
        words = f"{esc(each.expected)} → {esc(each.chosen)}"
        times = tag("span", f"&times; {each.count:,}", class_="dim")
        items.append(tag("li", f"{_jump(pair, words, pairs[pair])} {times}"))
    more = len(found.worst) - MIXUPS
    rest = tag("p", f"and {counted(more, 'more pair')}", class_="hint") if more > 0 else ""
    return tag("h3", "Most frequent mix-ups") + tag("ol", "".join(items), class_="mixups") + rest


def _routes(found: Confusion) -> str:
    lines = []
    for each in found.routes:
        if each.route == NOBODY and not each.expected:
            continue
        precision = _share(each.precision, each.precision_interval)
        recall = _share(each.recall, each.recall_interval)
        cells = (f"{each.expected:,}", f"{each.chosen:,}", precision, recall)
        numbers = "".join(tag("td", cell, class_="r") for cell in cells)
        lines.append(tag("tr", tag("th", esc(each.route), scope="row") + numbers))
    top = head("route", "expected", "chosen", "precision", "recall", right=(1, 2, 3, 4))
    table = tag("div", tag("table", top + tag("tbody", "".join(lines))), class_="scroll")
    summary = tag("summary", f"Precision and recall of {counted(len(lines), 'route')}")
    return tag("details", summary + table)


def _share(value: float | None, interval: object) -> str:
    if value is None:
        return "none"
    low, high = getattr(interval, "low", 0.0), getattr(interval, "high", 1.0)
    return f'{value:.3f} <span class="dim">[{low:.3f}, {high:.3f}]</span>'
