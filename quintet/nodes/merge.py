"""Merge results after a fan-out: by agreement, or by resolving each conflict by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, ClassVar, NotRequired, Self

from langgraph.types import Command
from pydantic import model_validator
from typing_extensions import TypedDict

from quintet.errors import ContractBroken, DesignError
from quintet.nodes.asking import names_of
from quintet.nodes.conflict import (
    Classifier,
    Owner,
    People,
    Resolver,
    Settled,
    check_owners,
    check_resolver,
    class_of,
    decide,
    differ,
    resolve,
)
from quintet.nodes.core.actions import with_update
from quintet.nodes.core.call import Logic
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.node import Node
from quintet.nodes.core.question import PersonsAnswer, ask
from quintet.nodes.core.reckon import counted
from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.core.way import check_way
from quintet.state.decision import Decision
from quintet.state.record import plain
from quintet.state.run import run_of


@dataclass(frozen=True, kw_only=True)
class Merge(Node):
    """Merge the results of several workers to one value a field; the last writer never just wins.

    Equal values agree. Different values are a conflict. Where it is of a class, the owner of that
    class decides; all others go to the resolvers in order. A conflict that none of them settles
    goes to a person, who is asked at once about all open fields that are theirs. A required source
    that gave no result goes there too, as a conflict under its own name.

    Args:
        of: the workers or steps whose results are merged; each result is a dict. `read#` stands for
            all numbered results of a worker `read` that was sent several items.
        then: the node to go to next, or a function of the state that names it.
        requires: the sources that must have a result, else a person is asked; by default all.
        resolve: resolvers for all fields, or a mapping of a field to its resolvers; one alone
            needs no tuple.
        fields: the fields to merge; all that occur, by default.
        approvers: who may settle a conflict of no class; empty means anybody.
        classify: the classes of conflicts, each with the rule by which it is known; or a function
            of a field and its values that gives the class, or None.
        owners: who decides each class: a source by its name, `people(...)`, or resolvers.

    Raises:
        DesignError: fewer than two sources, one required that is none of them, a resolver that
            takes no field with its values, or a class that nobody owns.
    """

    of: tuple[str, ...]
    then: Any = "finish"
    requires: tuple[str, ...] | None = None
    resolve: Resolver | tuple[Resolver, ...] | Mapping[str, Resolver | tuple[Resolver, ...]] = ()
    fields: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    classify: Classifier | None = None
    owners: Mapping[str, Owner] = field(default_factory=dict)

    writes = frozenset({"merged", "kept", "decisions", "spent", "run"})
    asks = True

    def __post_init__(self) -> None:
        several = isinstance(self.of, tuple) and any(name.endswith("#") for name in self.of)
        if isinstance(self.of, str) or (len(self.of) < 2 and not several):
            raise DesignError(f"Merge(of={self.of!r}): give at least two workers' names")
        check_way("Merge(then", self.then)
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
            check_resolver(resolver)
        check_owners(self.classify, self.owners, self.of)

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the node that it goes to next; it comes back to itself to ask a person."""
        return (self.then,) if isinstance(self.then, str) else tuple(self.then.targets)

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Ask a person about open conflicts; without any, merge, and note new ones."""
        task = current_task("merge")
        if conflicts := kept(state, "conflicts").get(task.path):
            return self._ask(task, state, conflicts)
        return (yield from counted(task, self._merge(task, state), run_of(state)))

    def _merge(self, task: Task, state: Mapping[str, Any]) -> Logic[Command[str]]:
        everything = state.get("results") or {}
        of = tuple(dict.fromkeys(chain.from_iterable(_named(n, everything) for n in self.of)))
        results = {name: everything[name] for name in of if name in everything}
        if not results:
            raise ContractBroken(
                f"{task.node}: none of {', '.join(self.of)} gave a result to merge"
            )
        merged: dict[str, Any] = {}
        required = of if self.requires is None else self.requires
        conflicts: dict[str, Any] = {name: {} for name in required if name not in results}
        classes: dict[str, str] = {}
        records = _absent(task.node, of, results)
        for name, values in _by_field(task.node, results, self.fields).items():
            kind = (yield from class_of(self.classify, name, values)) if differ(values) else ""
            settled = yield from self._settle(name, values, kind)
            if settled is None:
                conflicts[name] = values
                classes |= {name: kind} if kind else {}
                continue
            merged[name] = settled.value
            if differ(values):
                records.append(_record(task.node, name, values, settled))
        update: dict[str, Any] = {"merged": plain(merged), "decisions": records}
        if conflicts:
            update["kept"] = keep("conflicts", task.path, plain(conflicts))
            update["kept"] |= keep("classes", task.path, classes) if classes else {}
        return self._on(task, state, update, asks=bool(conflicts))

    def _on(
        self, task: Task, state: Mapping[str, Any], update: dict[str, Any], *, asks: bool
    ) -> Command[str]:
        if asks:
            return Command(goto=task.node, update=update)
        if answer := SentStep.of(state).answer({**(state.get("merged") or {}), **update["merged"]}):
            update["results"] = answer
        then = self.then
        goto = then if isinstance(then, str) else then(with_update(state, {}))
        return Command(goto=goto, update=update)

    def _settle(self, name: str, values: Mapping[str, Any], kind: str) -> Logic[Settled | None]:
        if not differ(values):
            return Settled(value=next(iter(values.values())), reason="all agree")
        if kind:
            # A class that a function has made up has no owner: a person must know of it.
            owner = self.owners.get(kind, People(approvers=self.approvers))
            return (yield from decide(owner, kind, name, values))
        resolvers: Any = self.resolve
        if isinstance(resolvers, Mapping):
            resolvers = resolvers.get(name, ())
        return (yield from resolve(resolvers, name, values))

    def _approvers(self, kind: str) -> tuple[str, ...]:
        owner = self.owners.get(kind)
        return owner.approvers if isinstance(owner, People) else self.approvers

    def _ask(
        self, task: Task, state: Mapping[str, Any], conflicts: Mapping[str, Any]
    ) -> Command[str]:
        classes: Mapping[str, str] = kept(state, "classes").get(task.path, {})
        # One question for all fields that the same persons decide; the others follow.
        approvers = self._approvers(classes.get(next(iter(conflicts)), ""))
        mine = {
            name: values
            for name, values in conflicts.items()
            if self._approvers(classes.get(name, "")) == approvers
        }
        missing = [name for name, values in mine.items() if not values]
        packet: MergePacket = {
            "gate": task.node,
            "conflicts": mine,
            "missing": missing,
            "request": str(state.get("message", ""))[:500],
            "approvers": list(approvers),
            "answers": ["settle"],
        }
        if known := {name: classes[name] for name in mine if name in classes}:
            packet["classes"] = known
        # The merge itself was a visit of its own: after the answer LangGraph runs this one anew.
        answer = ask(task, state, dict(packet), self._schema(mine, approvers))
        if isinstance(answer, Command):
            return answer
        records = _settled_by(answer, task.node, mine, classes)
        rest = {name: values for name, values in conflicts.items() if name not in mine}
        notes = keep("conflicts", task.path, rest or None)
        notes |= keep("classes", task.path, None) if classes and not rest else {}
        merged = _values_in(answer, missing)
        update = {"merged": merged, "kept": notes, "decisions": records}
        return self._on(task, state, update, asks=bool(rest))

    def _schema(
        self, conflicts: Mapping[str, Any], approvers: tuple[str, ...]
    ) -> type[MergeAnswer]:
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


class MergePacket(TypedDict):
    """Hold what a person is shown of the conflicts that they decide.

    `conflicts` are the values by field and source; `missing` the sources without a result;
    `classes` the classes of the fields that have one.
    """

    gate: str
    conflicts: dict[str, Any]
    missing: list[str]
    request: str
    approvers: list[str]
    answers: list[str]
    classes: NotRequired[dict[str, str]]


class MergeAnswer(PersonsAnswer):
    """A person's settlement of conflicts: a value for each open field."""

    how: ClassVar[str] = "settle({...}, by='...'), with a value for each open field"

    values: dict[str, Any]
    by: str
    note: str = ""

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if not self.by.strip():
            raise ValueError("a settlement says who gives it: by='...'")
        return self


def _values_in(answer: MergeAnswer, missing: list[str]) -> dict[str, Any]:
    """Give the merged values that a person has settled."""
    merged: dict[str, Any] = {}
    for name, value in answer.values.items():
        if name not in missing:
            merged[name] = value
        else:  # a source's result as the person knows it, or None to go on without
            merged |= value or {}
    return merged


def _settled_by(
    answer: MergeAnswer, node: str, conflicts: Mapping[str, Any], classes: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Record how a person has settled each conflict."""
    records = []
    for name, value in answer.values.items():
        reason = answer.note or "settled"
        kind = f"{classes[name]}: " if name in classes else ""
        settled = Settled(value=value, reason=f"{kind}{reason}", by="person", who=answer.by)
        records.append(_record(node, name, conflicts[name], settled))
    return records


def _named(name: str, results: Mapping[str, Any]) -> list[str]:
    """Give the names of the results that a source of a merge stands for."""
    if not name.endswith("#"):
        return [name]
    return sorted((n for n in results if n.startswith(name)), key=lambda n: (len(n), n))


def _by_field(
    node: str, results: Mapping[str, Any], only: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    fields: dict[str, dict[str, Any]] = {}
    for source, result in results.items():
        if not isinstance(result, Mapping):
            raise ContractBroken(
                f"{node}: the result of {source} is not a dict: {result!r:.60}; a merge compares "
                "fields, so have its agent return them, such as {'answer': ...}"
            )
        for name, value in result.items():
            if not only or name in only:
                fields.setdefault(name, {})[source] = value
    return fields


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
