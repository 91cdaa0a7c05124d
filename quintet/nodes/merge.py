"""Merging after a fan-out: agreement, or a named conflict that somebody resolves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from langgraph.types import Command
from pydantic import BaseModel, ConfigDict, model_validator

from quintet.errors import ContractBroken, DesignError
from quintet.nodes.approve import names_of
from quintet.nodes.core.attempt import counted
from quintet.nodes.core.call import Logic, call_any
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.node import Node
from quintet.nodes.core.question import ask
from quintet.nodes.core.task import Task, current_task
from quintet.state.decision import DecidedBy, Decision
from quintet.state.record import digest, plain
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
    """The first source in the given order that has a value wins. Made by `precedence`."""

    order: tuple[str, ...]

    def __call__(self, field: str, values: Mapping[str, Any]) -> Settled | None:
        """The first source's value, or None where no source of the order has one."""
        for source in self.order:
            if source in values:
                return Settled(value=values[source], reason=f"{source} has precedence")
        return None


def precedence(*order: str) -> Precedence:
    """A resolver for `Merge(resolve=)`: the first of these sources that has a value wins."""
    return Precedence(order=order)


@dataclass(frozen=True, kw_only=True)
class Vote:
    """The value that more than a share of the sources give wins. Made by `vote`."""

    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise DesignError(f"vote(share={self.share!r}): give a share from 0 to under 1")

    def __call__(self, field: str, values: Mapping[str, Any]) -> Settled | None:
        """The value of the majority, or None where there is none, as in a tie."""
        counts = Counter(_sense(value) for value in values.values())
        (best, count), *others = counts.most_common(2)
        tie = bool(others) and others[0][1] == count
        if tie or count <= self.share * len(values):
            return None
        value = next(value for value in values.values() if _sense(value) == best)
        return Settled(value=value, reason=f"{count} of {len(values)} sources agree")


def vote(share: float = 0.5) -> Vote:
    """A resolver for `Merge(resolve=)`: what more than `share` of the sources give wins."""
    return Vote(share=share)


@dataclass(frozen=True, kw_only=True)
class Merge(Node):
    """Bring the results of several workers to one value for each field; never the last writer's.

    Equal values agree. Different ones are a conflict that goes to the resolvers in order; what none
    of them settles goes to a person, who is asked about all open fields at once. So does a source
    that is required and gave no result, as a conflict under its own name.

    Args:
        of: the workers or steps whose results are merged; each result is a dict.
        then: the node to go to next.
        requires: those without which nothing goes on unasked; all of them, by default.
        resolve: resolvers for all fields, or a mapping of a field to its resolvers; one alone
            needs no tuple.
        fields: the fields to merge; all that occur, by default.
        approvers: who may settle a conflict; empty means anybody.

    Raises:
        DesignError: fewer than two sources, or one required that is none of them.
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
        given: Any = self.resolve
        if isinstance(given, Mapping):
            given = {field: (one,) if callable(one) else one for field, one in given.items()}
        object.__setattr__(self, "resolve", (given,) if callable(given) else given)

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Where it goes next; it comes back to itself to ask a person."""
        return (self.then,)

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Ask about open conflicts, if there are any; else merge, and say what is open."""
        here = current_task("merge")
        if conflicts := kept(state, "conflicts").get(here.path):
            return self._ask(here, state, conflicts)
        return (yield from counted(here, self._merge(here, state)))

    def _merge(self, here: Task, state: Mapping[str, Any]) -> Logic[Command[str]]:
        results = state.get("results") or {}
        found = {name: results[name] for name in self.of if name in results}
        if not found:
            raise ContractBroken(
                f"{here.node}: none of {', '.join(self.of)} gave a result to merge"
            )
        merged: dict[str, Any] = {}
        required = self.of if self.requires is None else self.requires
        conflicts: dict[str, Any] = {name: {} for name in required if name not in found}
        records = _absent(here.node, self.of, found)
        for field, values in _by_field(here.node, found, self.fields).items():
            settled = yield from self._settle(field, values)
            if settled is None:
                conflicts[field] = values
                continue
            merged[field] = settled.value
            if _differ(values):
                records.append(_record(here.node, field, values, settled))
        update: dict[str, Any] = {"merged": plain(merged), "decisions": records}
        if conflicts:
            update["kept"] = keep("conflicts", here.path, plain(conflicts))
        return Command(goto=here.node if conflicts else self.then, update=update)

    def _settle(self, field: str, values: Mapping[str, Any]) -> Logic[Settled | None]:
        if not _differ(values):
            return Settled(value=next(iter(values.values())), reason="all agree")
        given: Any = self.resolve
        for resolver in given.get(field, ()) if isinstance(given, Mapping) else given:
            settled = yield from call_any(resolver, field, values)
            if settled is None:
                continue
            if isinstance(settled, Settled):
                return settled
            return Settled(value=settled, reason=f"{name_of(resolver)} chose it")
        return None

    def _ask(
        self, here: Task, state: Mapping[str, Any], conflicts: Mapping[str, Any]
    ) -> Command[str]:
        missing = [name for name, values in conflicts.items() if not values]
        packet = {
            "gate": here.node,
            "conflicts": conflicts,
            "missing": missing,
            "request": str(state.get("message", ""))[:500],
            "approvers": list(self.approvers),
            "answers": ["settle"],
        }
        answer = ask(here, state, packet, self._schema(conflicts))
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
                here.node,
                field,
                conflicts[field],
                Settled(value=value, reason=answer.note or "settled", by="person", who=answer.by),
            )
            for field, value in answer.values.items()
        ]
        settled = keep("conflicts", here.path, None)
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
    here: str, found: Mapping[str, Any], only: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    fields: dict[str, dict[str, Any]] = {}
    for source, result in found.items():
        if not isinstance(result, Mapping):
            raise ContractBroken(f"{here}: the result of {source} is not a dict: {result!r:.60}")
        for field, value in result.items():
            if not only or field in only:
                fields.setdefault(field, {})[source] = value
    return fields


def _differ(values: Mapping[str, Any]) -> bool:
    return len({_sense(value) for value in values.values()}) > 1


def _sense(value: Any) -> str:
    """What a value says: a digest that takes 50.0 for 50, as agents write either."""
    return digest(_whole(plain(value)))


def _whole(data: Any) -> Any:
    if isinstance(data, float) and data.is_integer():
        return int(data)
    if isinstance(data, list):
        return [_whole(item) for item in data]
    if isinstance(data, dict):
        return {key: _whole(item) for key, item in data.items()}
    return data


def _absent(here: str, of: tuple[str, ...], found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A record of the sources that gave nothing to merge."""
    absent = ", ".join(name for name in of if name not in found)
    if not absent:
        return []
    decision = Decision(
        kind="merge",
        node=here,
        choice=f"without {absent}",
        reason=f"{absent} gave no result",
        candidates=of,
    )
    return [plain(decision)]


def _record(here: str, field: str, values: Mapping[str, Any], settled: Settled) -> dict[str, Any]:
    said = ", ".join(f"{source}: {value!r:.40}" for source, value in values.items())
    decision = Decision(
        kind="merge",
        node=here,
        choice=f"{field}={settled.value!r:.60}",
        reason=settled.reason,
        by=settled.by,
        who=settled.who,
        candidates=tuple(values),
        seen=said,
    )
    return plain(decision)  # type: ignore[no-any-return]
