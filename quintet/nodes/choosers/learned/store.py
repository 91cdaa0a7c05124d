"""A fitted classifier as one file: numbers as arrays, all else as JSON, and nothing to execute."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from quintet.errors import DesignError
from quintet.nodes.choosers.learned.ensemble import Ensemble
from quintet.nodes.choosers.learned.fit import Fitted
from quintet.nodes.choosers.learned.heldout import HeldOut
from quintet.nodes.choosers.learned.text import Vocabulary

FORMAT = "quintet examples"
VERSION = 1
_BROKEN = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError),
    *(NotImplementedError, RuntimeError, SyntaxError, zipfile.BadZipFile),
)
_HALF = ("words", "linear", "marks")


def save(path: Path, fitted: Fitted, about: Mapping[str, Any]) -> None:
    """Write a fitted classifier, and JSON values about it, to a file."""
    arrays: dict[str, Any] = {}
    for part in (fitted.ensemble, fitted.held):
        for field in fields(part):
            value = np.asarray(getattr(part, field.name))
            arrays[field.name] = value.astype(np.float16) if field.name in _HALF else value
    page = {
        "format": FORMAT,
        "version": VERSION,
        "words": fitted.known.words,
        "letters": fitted.known.letters,
        "marks": fitted.marks,
        "routes": fitted.routes,
        "out_of_scope": fitted.out_of_scope,
        "seed": fitted.seed,
        "about": dict(about),
    }
    arrays["page"] = np.frombuffer(json.dumps(page).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, **{f"q_{name}": value for name, value in arrays.items()})


def load(path: Path) -> tuple[Fitted, dict[str, Any]]:
    """Read back what `save` wrote.

    Raises:
        DesignError: the file is damaged, of another kind or of a later version.
        FileNotFoundError: it is not there.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name.removeprefix("q_"): file[name] for name in file.files}
        page = json.loads(arrays.pop("page").tobytes())
        if page["format"] != FORMAT:
            raise KeyError(page["format"])
        if page["version"] != VERSION:
            raise DesignError(
                f"{path}: its version is {page['version']}, this Quintet reads {VERSION}; "
                "fit it again with by_examples, or update Quintet"
            )
        return _fitted(arrays, page), page["about"]
    except (FileNotFoundError, DesignError):
        raise
    except _BROKEN as problem:
        raise _damaged(path, problem) from problem


def _damaged(path: Path, problem: Exception) -> DesignError:
    return DesignError(
        f"{path} is damaged, or was not written by Examples.save ({type(problem).__name__}: "
        f"{problem}); save the chooser again"
    )


def _fitted(arrays: dict[str, Any], page: dict[str, Any]) -> Fitted:
    kinds = dict.fromkeys(_HALF, np.float32)
    whole = {name: np.asarray(value, kinds.get(name)) for name, value in arrays.items()}
    parts: dict[type, dict[str, Any]] = {
        kind: {field.name: whole[field.name] for field in fields(kind)}
        for kind in (Ensemble, HeldOut)
    }
    parts[Ensemble]["sharp"] = float(whole["sharp"])
    return Fitted(
        known=Vocabulary(words=tuple(page["words"]), letters=tuple(page["letters"])),
        ensemble=Ensemble(**parts[Ensemble]),
        held=HeldOut(**parts[HeldOut]),
        marks=tuple(page["marks"]),
        routes=page["routes"],
        out_of_scope=page["out_of_scope"],
        seed=page["seed"],
    )
