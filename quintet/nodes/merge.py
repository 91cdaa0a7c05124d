"""Merge results after a fan-out: by agreement, or by resolving each conflict by name."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

from langgraph.types import Command
from pydantic import BaseModel, ConfigDict, model_validator

from quintet.errors import ContractBroken, DesignError
from quintet.nodes.asking import names_of
from quintet.nodes.core.call import Logic, call_any
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.node import Node
from quintet.nodes.core.question import ask
from quintet.nodes.core.reckon import counted
from quintet.nodes.core.task import Task, current_task
from quintet.state.decision import DecidedBy, Decision
from quintet.state.record import digest, plain
from quintet.state.run import run_of
from quintet.state.verdict import name_of


@dataclass(frozen=True, kw_only=True)
class Settled:
    """A resolved conflict: the value, why, and who decided."""

    value: Any
    reason: str
    by: DecidedBy = "rule"
    who: str = ""


Resolver = Callable[[str, Mapping[str, Any]], Any]
"""A function, plain or async, of a field and its values by source. It returns `Settled`, or None
to leave the conflict to the next resolver."""


@dataclass(frozen=True, kw_only=True)
class Precedence:
    """Resolve a conflict by the first source in the order that has a value. See `precedence`."""

    order: tuple[str, ...]

    def __call__(self, field: str, values: Mapping[str, Any]) -> Settled | None:
        """Give the first source's value, or None where no source of the order has one."""
        for source in self.order:
            if source in values:
                return Settled(value=values[source], reason=f"{source} has precedence")
        return None


def precedence(*order: str) -> Precedence:
    """Give a resolver for `Merge(resolve=)`: the first of these sources that has a value wins."""
    return Precedence(order=order)


@dataclass(frozen=True, kw_only=True)
class Vote:
    """Resolve a conflict by the value that more than a share of the sources give. See `vote`."""

    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise DesignError(f"vote(share={self.share!r}): give a share from 0 to under 1")

    def __call__(self, field: str, values: Mapping[str, Any]) -> Settled | None:
        """Give the value of the majority, or None where there is none, as in a tie."""
        counts = Counter(_meaning(value) for value in values.values())
        (best, count), *others = counts.most_common(2)
        tie = bool(others) and others[0][1] == count
        if tie or count <= self.share * len(values):
            return None
        value = next(value for value in values.values() if _meaning(value) == best)
        return Settled(value=value, reason=f"{count} of {len(values)} sources agree")


def vote(share: float = 0.5) -> Vote:
    """Give a resolver for `Merge(resolve=)`: a value from more than `share` of the sources wins."""
    return Vote(share=share)


@dataclass(frozen=True, kw_only=True)
class Merge(Node):
    """Merge the results of several workers to one value a field; the last writer never just wins.

    Equal values agree. Different values are a conflict, which goes to the resolvers in order. A
    conflict that none of them settles goes to a person, who is asked about all open fields at once.
    A required source that gave no result goes there too, as a conflict under its own name.

    Args:
        of: the workers or steps whose results are merged; each result is a dict.
        then: the node to go to next.
        requires: the sources that must have a result, else a person is asked; by default all.
        resolve: resolvers for all fields, or a mapping of a field to its resolvers; one alone
            needs no tuple.
        fields: the fields to merge; all that occur, by default.
        approvers: who may settle a conflict; empty means anybody.

    Raises:
        DesignError: fewer than two sources, one required that is none of them, or a resolver that
            takes no field with its values.
    """

    of: tuple[str, ...]
    then: str
    requires: tuple[str, ...] | None = None
    resolve: Resolver | tuple[Resolver, ...] | Mapping[str, Resolver | tuple[Resolver, ...]] = ()
    fields: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()

    writes = frozenset({"merged", "kept", "decisions", "spent", "run"})
    asks = True

    def __post_init__(self) -> None:
        if isinstance(self.of, str) or len(self.of) < 2:
            raise DesignError(f"Merge(of={self.of!r}): give at least two workers' names")
        if isinstance(self.requires, str):
            raise DesignError(f"Merge(requires={self.requires!r}): give a tuple of names")
        if unknown := [name for name in self.requires or () if name not in self.of]:
            raise DesignError(
                f"Merge(requires=): {unknown[0]!r} is not one of {', '.join(self.of)}"
            )
        approvers = names_of(self.approvers, "Merge(approvers=")
        object.__setattr__(self, "approvers", approvers)
        resolve: Any = self.resolve
        if isinstance(resolve, Mapping):
            resolve = {
                field: resolver if isinstance(resolver, tuple | list) else (resolver,)
                for field, resolver in resolve.items()
            }
        several = isinstance(resolve, tuple | list | Mapping)
        object.__setattr__(self, "resolve", resolve if several else (resolve,))
        groups = resolve.values() if isinstance(resolve, Mapping) else (self.resolve,)
        for resolver in chain.from_iterable(groups):  # type: ignore[arg-type]
            _check_resolver(resolver)

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the node that it goes to next; it comes back to itself to ask a person."""
        return (self.then,)

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Ask a person about open conflicts; without any, merge, and note new ones."""
        task = current_task("merge")
        if conflicts := kept(state, "conflicts").get(task.path):
            return self._ask(task, state, conflicts)
        return (yield from counted(task, self._merge(task, state), run_of(state)))

    def _merge(self, task: Task, state: Mapping[str, Any]) -> Logic[Command[str]]:
        everything = state.get("results") or {}
        results = {name: everything[name] for name in self.of if name in everything}
        if not results:
            raise ContractBroken(
                f"{task.node}: none of {', '.join(self.of)} gave a result to merge"
            )
        merged: dict[str, Any] = {}
        required = self.of if self.requires is None else self.requires
        conflicts: dict[str, Any] = {name: {} for name in required if name not in results}
        records = _absent(task.node, self.of, results)
        for field, values in _by_field(task.node, results, self.fields).items():
            settled = yield from self._settle(field, values)
            if settled is None:
                conflicts[field] = values
                continue
            merged[field] = settled.value
            if _differ(values):
                records.append(_record(task.node, field, values, settled))
        update: dict[str, Any] = {"merged": plain(merged), "decisions": records}
        if conflicts:
            update["kept"] = keep("conflicts", task.path, plain(conflicts))
        return Command(goto=task.node if conflicts else self.then, update=update)

    def _settle(self, field: str, values: Mapping[str, Any]) -> Logic[Settled | None]:
        if not _differ(values):
            return Settled(value=next(iter(values.values())), reason="all agree")
        resolve: Any = self.resolve
        for resolver in resolve.get(field, ()) if isinstance(resolve, Mapping) else resolve:
            settled = yield from call_any(resolver, field, values)
            if settled is None:
                continue
            if isinstance(settled, Settled):
                return settled
            return Settled(value=settled, reason=f"{name_of(resolver)} chose it")
        return None

    def _ask(
        self, task: Task, state: Mapping[str, Any], conflicts: Mapping[str, Any]
    ) -> Command[str]:
        missing = [name for name, values in conflicts.items() if not values]
        packet = {
            "gate": task.node,
            "conflicts": conflicts,
            "missing": missing,
            "request": str(state.get("message", ""))[:500],
            "approvers": list(self.approvers),
            "answers": ["settle"],
        }
        # The merge itself was a visit of its own: after the answer LangGraph runs this one anew.
        answer = ask(task, state, packet, self._schema(conflicts))
        if isinstance(answer, Command):
            return answer
        merged: dict[str, Any] = {}
        for field, value in answer.values.items():
            if field not in missing:
                merged[field] = value
            else:  # a source's result as the person knows it, or None to go on without
                merged |= value or {}
        records = [
            _record(
                task.node,
                field,
                conflicts[field],
                Settled(value=value, reason=answer.note or "settled", by="person", who=answer.by),
            )
            for field, value in answer.values.items()
        ]
        settled = keep("conflicts", task.path, None)
        update = {"merged": merged, "kept": settled, "decisions": records}
        return Command(goto=self.then, update=update)

    def _schema(self, conflicts: Mapping[str, Any]) -> type[MergeAnswer]:
        approvers = self.approvers

        class Fitting(MergeAnswer):
            @model_validator(mode="after")
            def _fits(self) -> Self:
                if set(self.values) != set(conflicts):
                    raise ValueError(f"give a value for each of {', '.join(conflicts)}")
                for name, values in conflicts.items():
                    known = self.values[name]
                    if not values and known is not None and not isinstance(known, dict):
                        raise ValueError(
                            f"{name} gave no result: give its result as a dict, or None to go on "
                            "without it"
                        )
                if approvers and self.by not in approvers:
                    raise ValueError(f"{self.by!r} may not settle this; {', '.join(approvers)} may")
                return self

        return Fitting


class MergeAnswer(BaseModel):
    """A person's settlement of conflicts: a value for each open field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: dict[str, Any]
    by: str
    note: str = ""

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if not self.by.strip():
            raise ValueError("a settlement says who gives it: by='...'")
        return self


def _by_field(
    node: str, results: Mapping[str, Any], only: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    fields: dict[str, dict[str, Any]] = {}
    for source, result in results.items():
        if not isinstance(result, Mapping):
            raise ContractBroken(f"{node}: the result of {source} is not a dict: {result!r:.60}")
        for field, value in result.items():
            if not only or field in only:
                fields.setdefault(field, {})[source] = value
    return fields


def _differ(values: Mapping[str, Any]) -> bool:
    return len({_meaning(value) for value in values.values()}) > 1


def _meaning(value: Any) -> str:
    """Give a digest of a value that takes 50.0 for 50, as agents write either."""
    return digest(_whole(plain(value)))


def _whole(data: Any) -> Any:
    if isinstance(data, float) and data.is_integer():
        return int(data)
    if isinstance(data, list):
        return [_whole(item) for item in data]
    if isinstance(data, dict):
        return {key: _whole(item) for key, item in data.items()}
    return data


def _absent(node: str, of: tuple[str, ...], results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Record the sources that gave no result to merge."""
    absent = ", ".join(name for name in of if name not in results)
    if not absent:
        return []
    decision = Decision(
        kind="merge",
        node=node,
        choice=f"without {absent}",
        reason=f"{absent} gave no result",
        candidates=of,
    )
    return [plain(decision)]


def _record(node: str, field: str, values: Mapping[str, Any], settled: Settled) -> dict[str, Any]:
    seen = ", ".join(f"{source}: {value!r:.40}" for source, value in values.items())
    decision = Decision(
        kind="merge",
        node=node,
        choice=f"{field}={settled.value!r:.60}",
        reason=settled.reason,
        by=settled.by,
        who=settled.who,
        candidates=tuple(values),
        seen=seen,
    )
    return plain(decision)  # type: ignore[no-any-return]


def _check_resolver(resolver: Any) -> None:
    """Refuse, such as `vote` in place of `vote()`, what cannot be called with a field's values.

    Raises:
        DesignError: it names the resolver.
    """
    try:
        inspect.signature(resolver).bind("field", {})
    except ValueError:  # a builtin without a signature
        return
    except TypeError as problem:
        raise DesignError(
            f"Merge(resolve=): {name_of(resolver)} cannot take a field and its values by source "
            f"({problem}); a factory is called, as in resolve=vote()"
        ) from problem
