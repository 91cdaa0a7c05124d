"""Read tasks from plain data, as from JSON or YAML, with nodes by their names in a registry.

{"run": "reserve", "after": "check", "when": {"results.check.ok": true}, "rounds": 3}
{"wait": "2h", "after": "reserve"}
{"outcome": "rejected", "reason": "not in stock", "after": "check", "when": "else"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from langgraph.types import RetryPolicy, TimeoutPolicy
from pydantic import TypeAdapter, ValidationError

from quintet.errors import DesignError
from quintet.graphs.workflows.task import Task, all_of, any_of
from quintet.nodes.wait import Wait
from quintet.state.outcome import Outcome
from quintet.state.record import faults

KEYS = ("run", "wait", "outcome")
_FIELDS = {field.name for field in fields(Task)} - {"run"}


def read_tasks(
    tasks: Mapping[str, Any], nodes: Mapping[str, Any]
) -> tuple[dict[str, Task], list[str]]:
    """Read all tasks; give those that can be read, and a complaint about each other one."""
    read: dict[str, Task] = {}
    complaints = []
    for name, given in tasks.items():
        if not isinstance(name, str):
            complaints.append(
                f"{name!r}: no node can have that name, which is no text; in YAML, put no, yes, on "
                "and off in quotes"
            )
            continue
        try:
            read[name] = _read(given, nodes)
        except DesignError as problem:
            complaints.append(f"{name}: {problem}")
    return read, complaints


def _read(given: Any, nodes: Mapping[str, Any]) -> Task:
    if isinstance(given, Task):
        if isinstance(given.run, str):
            return replace(given, run=_registered(given.run, nodes))
        return given
    if not isinstance(given, Mapping):
        raise DesignError(f"{given!r:.60} is no task; give Task(run=...), or a dict of its parts")
    kinds = [key for key in KEYS if key in given]
    if len(kinds) != 1:
        raise DesignError(f"give one of {', '.join(KEYS)}; it has {', '.join(given) or 'nothing'}")
    parts = {str(key): value for key, value in given.items()}
    run = {"run": _run, "wait": _wait, "outcome": _outcome}[kinds[0]](parts, nodes)
    if unknown := sorted(set(parts) - _FIELDS):
        raise DesignError(f"{unknown[0]!r} is no part of a task; there are {', '.join(_parts())}")
    if "after" in parts:
        parts["after"] = _after(parts["after"])
    if parts.get("retry_policy") is not None:
        parts["retry_policy"] = _policy(list[RetryPolicy] | RetryPolicy, parts["retry_policy"])
    if isinstance(parts.get("timeout"), Mapping):
        known = {field.name for field in fields(TimeoutPolicy)}
        if not parts["timeout"] or set(parts["timeout"]) - known:
            raise DesignError(
                f"timeout={parts['timeout']!r:.60}: give parts of LangGraph's TimeoutPolicy, "
                f"which are {', '.join(sorted(known))}"
            )
        parts["timeout"] = _policy(TimeoutPolicy, parts["timeout"])
    return Task(run=run, **parts)


def _parts() -> list[str]:
    return [*KEYS, *sorted(_FIELDS)]


def _run(parts: dict[str, Any], nodes: Mapping[str, Any]) -> Any:
    run = parts.pop("run")
    return _registered(run, nodes) if isinstance(run, str) else run


def _registered(name: str, nodes: Mapping[str, Any]) -> Any:
    if name not in nodes:
        raise DesignError(f"run={name!r}: no such node; nodes= has {', '.join(nodes) or 'none'}")
    return nodes[name]


def _wait(parts: dict[str, Any], nodes: Mapping[str, Any]) -> Wait:
    given = parts.pop("wait")
    if isinstance(given, Mapping):
        options = dict(given)
        if isinstance(options.get("gives"), str):
            options["gives"] = _registered(options["gives"], nodes)
        if unknown := sorted(set(options) - {"duration", "until", "gives"}):
            raise DesignError(f"wait: {unknown[0]!r} is no part; there are duration, until, gives")
        return Wait(**options)
    return Wait(duration=given)


def _outcome(parts: dict[str, Any], nodes: Mapping[str, Any]) -> Outcome:  # noqa: ARG001
    return Outcome(status=parts.pop("outcome"), reason=str(parts.pop("reason", None) or ""))


def _after(given: Any) -> Any:
    """Read `after`: a name, a list for all of them, `{"any": [...]}`, or conditions by name."""
    if isinstance(given, list | tuple):
        return tuple(given)
    if isinstance(given, Mapping) and len(given) == 1:
        ((kind, names),) = given.items()
        if kind in ("any", "all") and isinstance(names, list | tuple):
            return (any_of if kind == "any" else all_of)(*names)
    return given


def _policy(kind: Any, given: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValueError as problem:
        told = faults(problem) if isinstance(problem, ValidationError) else problem
        raise DesignError(f"{given!r:.60} is no policy of LangGraph: {told}") from problem
