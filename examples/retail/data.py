"""Find and read the shop's data: database, tasks, policy and the reference's final states."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = "tau2_retail"
FILES = ("db.json", "tasks.json", "expected_state.json", "policy.md")
VARIABLE = "QUINTET_DATA"


class DataMissing(FileNotFoundError):
    """Raised when the shop's data is not where it was looked for, or cannot be read."""


@dataclass(frozen=True, kw_only=True)
class RetailData:
    """The shop's data as it was read, unchanged.

    `db` holds `products`, `users` and `orders` by id; `expected` holds `actions` (parameters of
    each action) and `tasks` (task id -> `changes` and `errors`).
    """

    db: dict[str, Any]
    tasks: list[dict[str, Any]]
    expected: dict[str, Any]
    policy: str


def find() -> Path:
    """Find the folder with the shop's files; raise `DataMissing` naming each place looked at."""
    looked = []
    for folder in _places():
        if folder in looked:
            continue
        looked.append(folder)
        if all((folder / name).is_file() for name in FILES):
            return folder
    incomplete = [_incomplete(folder) for folder in looked if folder.is_dir()]
    raise DataMissing(
        f"No folder {FOLDER!r} with {', '.join(FILES)} was found. Looked at: "
        + ", ".join(str(folder) for folder in looked)
        + "".join(f". {text}" for text in incomplete)
        + f". Put the folder beside the clone as shared/data/{FOLDER}, or set {VARIABLE} to the "
        f"folder that holds {FOLDER}."
    )


def load(folder: Path | None = None) -> RetailData:
    """Read the shop from `folder` (by default the one that `find` finds); raise `DataMissing`."""
    place = find() if folder is None else folder
    return RetailData(
        db=_json(place / "db.json", dict),
        tasks=_json(place / "tasks.json", list),
        expected=_json(place / "expected_state.json", dict),
        policy=_text(place / "policy.md"),
    )


def recorded_actions(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the task's recorded actions in order, each with `action_id`, `name` and `arguments`."""
    return list((task.get("evaluation_criteria") or {}).get("actions") or ())


def _places() -> Iterator[Path]:
    named = os.environ.get(VARIABLE)
    if named:
        # A named folder is the only one: falling back would hide a misspelt setting.
        yield Path(named).expanduser().absolute() / FOLDER
        return
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            yield folder / "shared" / "data" / FOLDER


def _incomplete(folder: Path) -> str:
    absent = [name for name in FILES if not (folder / name).is_file()]
    return f"{folder} lacks {', '.join(absent)}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataMissing(
            f"{path} cannot be read ({error}). Restore the file, or set {VARIABLE} to a folder "
            f"that holds a whole {FOLDER}."
        ) from error


def _json(path: Path, kind: type) -> Any:
    try:
        value = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise DataMissing(
            f"{path} is not JSON ({error}). Restore the file from its source, unchanged."
        ) from error
    if not isinstance(value, kind):
        raise DataMissing(
            f"{path} holds a {type(value).__name__}, not a {kind.__name__}. Restore the file from "
            "its source, unchanged."
        )
    return value
