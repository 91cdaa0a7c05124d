"""Check what a target returned: whatever is kept of a run can be written, and read back.

One value that JSON cannot hold, such as a NaN, must not lose the report of all other cases. It
makes its own run a wrong one, with an error that names the field; the rest of the run is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from math import isfinite
from typing import Any

from pydantic import ValidationError

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.reading.harvest import plain_or_repr
from quintet.evals.reading.lines import json_text
from quintet.evals.trajectory import Trajectory
from quintet.state.record import adapter, faults, plain

_AS_GIVEN = ("answer", "state")
"""Fields of any type: a metric gets the target's own value, not the one read back."""


def sound(case: Case, trajectory: Trajectory) -> Trajectory:
    """Return a trajectory that can be kept; one with a value that cannot has an error that says so.

    Of the state only the keys with a label are looked at, since no others are kept.
    """
    kept = lean(case, trajectory)
    try:
        again = _read_back({item.name: getattr(kept, item.name) for item in fields(kept)})
    except _Unfit:
        return _mended(case, trajectory)
    # Values of other types, such as a list for a tuple, are replaced by those that were read.
    ours = {name: getattr(trajectory, name) for name in _NAMES}
    like = {
        name: value
        for name, value in ours.items()
        if name in _AS_GIVEN or _is_like(value, getattr(again, name))
    }
    return replace(again, **like)


def lean(case: Case, trajectory: Trajectory) -> Trajectory:
    """Keep of the end state only the keys with a label: states are large, and rows are kept."""
    state = trajectory.state
    if not isinstance(state, Mapping) or not state:
        return trajectory
    return replace(trajectory, state={key: state[key] for key in case.state or () if key in state})


class _Unfit(ValueError):
    """Raised for a value that cannot be kept, with the reason as its text."""


_NAMES = tuple(item.name for item in fields(Trajectory))


def _mended(case: Case, trajectory: Trajectory) -> Trajectory:
    """Return the trajectory without the values that cannot be kept, and say which they are."""
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name in _NAMES:
        value = getattr(lean(case, trajectory) if name == "state" else trajectory, name)
        try:
            read = getattr(_read_back({name: value}), name)
            values[name] = value if name in _AS_GIVEN else read
        except _Unfit as problem:
            problems.append(str(problem))
            # Such as the names of the calls, whatever their arguments are.
            with suppress(Exception):
                values[name] = getattr(_read_back({name: _shown(value)}), name)
    error = "; ".join([*([values["error"]] if values.get("error") else []), *problems])
    return Trajectory(**{**values, "status": "error", "error": error})


def _read_back(values: Mapping[str, Any]) -> Trajectory:
    """Write fields of a trajectory as JSON, and read them.

    Raises:
        _Unfit: a value cannot be kept; the text names the field.
    """
    name = next(iter(values)) if len(values) == 1 else "trajectory"
    try:
        text = json_text({key: plain(value) for key, value in values.items()})
        again: Trajectory = adapter(Trajectory).validate_json(text)
    except ValidationError as problem:
        raise _Unfit(faults(problem)) from None
    except DesignError as problem:
        raise _Unfit(f"{name}: {problem}") from None
    except Exception as problem:  # noqa: BLE001 - a value's own methods may raise anything
        raise _Unfit(f"{name}: it cannot be written ({type(problem).__name__})") from None
    if odd := _odd_number(again):
        raise _Unfit(odd)
    return again


def _odd_number(run: Trajectory) -> str:
    if run.confidence is not None and not 0 <= run.confidence <= 1:
        return f"confidence={run.confidence!r}: give a share from 0 to 1, or None"
    amounts = {"seconds": run.seconds, **{f"spent[{name!r}]": n for name, n in run.spent.items()}}
    for name, amount in amounts.items():
        if not isfinite(amount) or amount < 0:
            return f"{name}={amount!r}: give a finite number, zero or more"
    return ""


def _is_like(ours: Any, read: Any) -> bool:
    """Tell whether a value has the types that it has when it is read back."""
    if type(ours) is not type(read) or isinstance(ours, Mapping):
        return False
    if not isinstance(ours, tuple):
        return True
    return all(type(one) is type(other) for one, other in zip(ours, read, strict=True))


def _shown(value: Any, depth: int = 0) -> Any:
    """Turn a value into data that JSON has, with the `repr` of the parts that it has not."""
    if depth > _DEPTH:
        return plain_or_repr(repr(value))
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _shown(getattr(value, item.name), depth + 1) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _shown(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item, depth + 1) for item in value]
    if isinstance(value, int) and value.bit_length() > _BITS:
        return f"an integer of {value.bit_length()} bits"
    return plain_or_repr(value)


_BITS, _DEPTH = 4096, 12
"""Python writes no larger integers as decimals by default; deeper parts are shown by their repr."""
