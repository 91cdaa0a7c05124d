"""Keep a fitted classifier in one file: numbers as arrays, all else as JSON, nothing to execute."""

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
from quintet.nodes.choosers.learned.fit import TextClassifier
from quintet.nodes.choosers.learned.heldout import HeldOut
from quintet.nodes.choosers.learned.text import Vocabulary

FORMAT = "quintet examples"
VERSION = 3
# A damaged or hostile archive may raise any of these: numpy and zipfile promise no common error.
_BROKEN = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError),
    *(NotImplementedError, RuntimeError, SyntaxError, zipfile.BadZipFile),
)
_HALF = ("words", "linear", "landmarks")
"""Fields that are written at half precision; `fit_ensemble` has rounded them to it."""


def save(path: Path, classifier: TextClassifier, about: Mapping[str, Any]) -> None:
    """Write a fitted classifier, and JSON values about it, to a file."""
    arrays: dict[str, Any] = {}
    for part in (classifier.ensemble, classifier.held_out):
        for field in fields(part):
            value = np.asarray(getattr(part, field.name))
            arrays[field.name] = value.astype(np.float16) if field.name in _HALF else value
    page = {
        "format": FORMAT,
        "version": VERSION,
        "words": classifier.vocabulary.words,
        "letters": classifier.vocabulary.letters,
        "paired": classifier.vocabulary.paired,
        "landmarks": classifier.landmarks,
        "routes": classifier.routes,
        "out_of_scope": classifier.out_of_scope,
        "seed": classifier.seed,
        "names": classifier.names,
        "varied": classifier.varied,
        "longest": classifier.longest,
        "about": dict(about),
    }
    arrays["page"] = np.frombuffer(json.dumps(page).encode(), np.uint8)
    # An open file, since numpy appends ".npz" to a path; and a prefix, since `savez` takes the
    # arrays as keyword arguments, and has names of its own.
    with path.open("wb") as file:
        np.savez(file, **{f"q_{name}": value for name, value in arrays.items()})


def load(path: Path) -> tuple[TextClassifier, dict[str, Any]]:
    """Read back what `save` wrote.

    Raises:
        DesignError: the file is damaged, of another kind or of another version.
        FileNotFoundError: there is no such file.
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
        return _classifier(arrays, page), page["about"]
    except (FileNotFoundError, DesignError):
        raise
    except _BROKEN as problem:
        raise DesignError(
            f"{path} is damaged, or was not written by Examples.save ({type(problem).__name__}: "
            f"{problem}); save the chooser again"
        ) from problem


def _classifier(arrays: dict[str, Any], page: dict[str, Any]) -> TextClassifier:
    parts: dict[type, dict[str, Any]] = {}
    for kind in (Ensemble, HeldOut):
        names = [field.name for field in fields(kind)]
        parts[kind] = {
            name: np.asarray(arrays[name], np.float32 if name in _HALF else None) for name in names
        }
    parts[Ensemble]["gamma"] = float(parts[Ensemble]["gamma"])
    return TextClassifier(
        vocabulary=Vocabulary(
            words=tuple(page["words"]), letters=tuple(page["letters"]), paired=page["paired"]
        ),
        ensemble=Ensemble(**parts[Ensemble]),
        held_out=HeldOut(**parts[HeldOut]),
        landmarks=tuple(page["landmarks"]),
        routes=page["routes"],
        out_of_scope=page["out_of_scope"],
        seed=page["seed"],
        names=tuple(page["names"]),
        varied=tuple(page["varied"]),
        longest=page["longest"],
    )
