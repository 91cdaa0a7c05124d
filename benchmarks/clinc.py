"""Read CLINC150 as tasks for a router: examples to fit it on, and the test messages.

Larson et al. 2019 (D19-1131): 150 intents in 10 domains, and messages that belong to none. Train
and validation are for fitting, of the out-of-scope messages too; test is for the report alone.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from random import Random

Pair = tuple[str, str | None]
"""A text and its route; None where it belongs to no route."""

ROOT = Path(__file__).resolve().parent.parent
SHOTS = 10
DRAWS = 3
DRAWN = "clinc150.ten_shot_drawn"


class DataMissing(Exception):
    """Raised when the data is not found; the message says where it was sought, and what to set."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One routing task.

    Args:
        name: the prefix of its figures.
        train: labelled examples.
        held_out: further examples, which a router may calibrate on or learn from.
        test: the messages of the report.
        about: the task in one sentence.
    """

    name: str
    train: tuple[Pair, ...]
    held_out: tuple[Pair, ...]
    test: tuple[Pair, ...]
    about: str

    @property
    def texts(self) -> tuple[str, ...]:
        """Return every text once, in order."""
        pairs = chain(self.train, self.held_out, self.test)
        return tuple(dict.fromkeys(text for text, _ in pairs))


def data_folder(named: Path | None = None) -> Path:
    """Find CLINC150: in the folder given, or `clinc150` in QUINTET_DATA or beside the clone.

    Raises:
        DataMissing: its two files are not there.
    """
    shared = os.environ.get("QUINTET_DATA")
    beside = Path(shared).expanduser() if shared else ROOT.parent / "shared" / "data"
    folder = named or beside / "clinc150"
    absent = [name for name in ("data_full.json", "domains.json") if not (folder / name).is_file()]
    if absent:
        raise DataMissing(
            f"no {' and no '.join(absent)} in {folder}: clone github.com/clinc/oos-eval and give "
            "its data folder with --data, or set QUINTET_DATA to the folder that has clinc150/"
        )
    return folder


def tasks(folder: Path, *, shots: int = SHOTS) -> tuple[Task, ...]:
    """Return all tasks: all intents, their domains, and few examples a class (first, or drawn).

    Raises:
        DataMissing: the files are not CLINC150's.
    """
    try:
        data = json.loads((folder / "data_full.json").read_text(encoding="utf-8"))
        domains = json.loads((folder / "domains.json").read_text(encoding="utf-8"))
        parts = {part: _pairs(data[part]) for part in ("train", "val", "test")}
        outside = {part: _outside(data[f"oos_{part}"]) for part in ("train", "val", "test")}
        of_intent = {intent: domain for domain, intents in domains.items() for intent in intents}
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise DataMissing(f"{folder} is not CLINC150's data: {problem!r}") from problem
    full = Task(
        name="clinc150",
        train=parts["train"],
        held_out=(*parts["val"], *outside["train"], *outside["val"]),
        test=(*parts["test"], *outside["test"]),
        about="all intents; fitted on train, val, oos_train and oos_val",
    )
    few = (_few(full, shots, seed) for seed in range(DRAWS))
    return full, _by_domain(full, of_intent), _few(full, shots), *few


def _pairs(rows: Sequence[Sequence[str]]) -> tuple[Pair, ...]:
    return tuple((text, intent) for text, intent in rows)


def _outside(rows: Sequence[Sequence[str]]) -> tuple[Pair, ...]:
    return tuple((text, None) for text, _ in rows)


def _by_domain(full: Task, of_intent: Mapping[str, str]) -> Task:
    missing = {route for _, route in full.train if route not in of_intent}
    if missing:
        raise DataMissing(f"domains.json has no domain for {', '.join(sorted(map(str, missing)))}")

    def renamed(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
        return tuple((text, of_intent[route] if route else None) for text, route in pairs)

    return replace(
        full,
        name="clinc150.domains",
        train=renamed(full.train),
        held_out=renamed(full.held_out),
        test=renamed(full.test),
        about="each domain one agent; the same messages",
    )


def _few(full: Task, shots: int, seed: int | None = None) -> Task:
    """Keep only a few examples of each class: the file's first, or some drawn by a seed.

    The file's first ones are much alike, and a harder start than drawn ones, which papers use.
    The out-of-scope examples are the same as in the full task: they need no labelling by
    class, as they are what people have been handed before.
    """
    by_route: dict[str | None, list[Pair]] = defaultdict(list)
    for pair in full.train:
        by_route[pair[1]].append(pair)
    rng = None if seed is None else Random(seed)
    chosen = (
        pairs[:shots] if rng is None else rng.sample(pairs, min(shots, len(pairs)))
        for pairs in by_route.values()
    )
    which = f"the first {shots}" if seed is None else f"{shots} drawn (seed {seed})"
    return replace(
        full,
        name="clinc150.ten_shot" if seed is None else f"{DRAWN}.{seed}",
        train=tuple(chain.from_iterable(chosen)),
        held_out=tuple(pair for pair in full.held_out if pair[1] is None),
        about=f"{which} examples of each intent in train, none of val; oos_train and oos_val",
    )
