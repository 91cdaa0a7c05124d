"""Declare how a run of an older graph becomes one of the newer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from quintet.errors import DesignError
from quintet.state.verdict import is_async, name_of

SHORTEST = 6

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Migration:
    """Declare a way from one graph to another; as a decorator, it takes the function.

    Args:
        from_: the digest of the older graph, or its beginning; empty for any graph.
        to: the digest of the newer graph, or its beginning; empty for the one in use.
        rename: new names of nodes by the old; a nested graph's as `"outer/inner"`.
        change: a function of the old state's values that gives the new ones.

    Raises:
        DesignError: a digest too short to tell graphs apart, or a function that is async.
    """

    from_: str = ""
    to: str = ""
    rename: Mapping[str, str] = field(default_factory=dict)
    change: Callable[[dict[str, Any]], Values] | None = None

    def __post_init__(self) -> None:
        for side, digest in (("from_", self.from_), ("to", self.to)):
            if digest and len(digest) < SHORTEST:
                raise DesignError(
                    f"migrate({side}={digest!r}): give at least {SHORTEST} letters of the digest "
                    "that GraphChanged names"
                )
        if moved := [old for old, new in self.rename.items() if _outer(old) != _outer(new)]:
            raise DesignError(
                f"migrate(rename={moved[0]!r}): a node stays in its graph; "
                f"{self.rename[moved[0]]!r} is of another"
            )
        if self.change is not None and (not callable(self.change) or is_async(self.change)):
            raise DesignError(
                f"migrate(change={name_of(self.change)}): give a plain function of the old values"
            )

    def __call__(self, change: Callable[[dict[str, Any]], Values]) -> Migration:
        """Take the function that changes the values, as a decorator does."""
        return replace(self, change=change)

    def leads_from(self, digest: str) -> bool:
        """Say whether this begins at a graph."""
        return digest.startswith(self.from_) or self.from_.startswith(digest)


def migrate(*, from_: str = "", to: str = "", rename: Mapping[str, str] | None = None) -> Migration:
    """Declare how a run of an older graph becomes one of the newer.

    As it is, it renames nodes; as a decorator, it takes a function that changes the state's values
    too. `pinned(app, migrations=(...))` hands it to `start`, `resume` and `look`.

        @migrate(from_="3f2a9c0b", rename={"desk": "support_desk"})
        def in_cents(values):
            return {"cents": round(values.pop("amount") * 100), **values}

    Args:
        from_: the digest of the older graph, or its beginning, as `GraphChanged` names it; empty
            for any graph.
        to: the digest of the newer graph, or its beginning; empty for the graph in use.
        rename: new names of nodes by the old; a nested graph's as `"outer/inner"`.

    Raises:
        DesignError: a digest too short to tell graphs apart.
    """
    return Migration(from_=from_, to=to, rename=dict(rename or {}))


def steps_between(
    migrations: Sequence[Migration], known: str, target: str
) -> tuple[Migration, ...]:
    """Give the migrations that lead from one graph to another, in order; none if none do."""
    steps: list[Migration] = []
    at = known
    # Those that name their graph go before those for any.
    ordered = sorted(migrations, key=lambda migration: not migration.from_)
    while True:
        left = [m for m in ordered if m not in steps and m.leads_from(at)]
        if not left:
            return ()
        step = next((m for m in left if target.startswith(m.to)), left[0])
        steps.append(step)
        if target.startswith(step.to):
            return tuple(steps)
        at = step.to


def renamed_by(steps: Sequence[Migration]) -> dict[str, str]:
    """Give the last names of nodes by their first, after all steps."""
    names: dict[str, str] = {}
    for step in steps:
        names = {old: step.rename.get(new, new) for old, new in names.items()}
        made = set(names.values())
        names |= {old: new for old, new in step.rename.items() if old not in made}
    return {old: new for old, new in names.items() if old != new}


def names_in(names: Mapping[str, str], node: str) -> dict[str, str]:
    """Give the new names of the nodes in a nested graph, by their names there."""
    start = f"{node}/"
    return {
        old.removeprefix(start): new.removeprefix(start)
        for old, new in names.items()
        if old.startswith(start)
    }


def changed_by(steps: Sequence[Migration], values: dict[str, Any]) -> dict[str, Any]:
    """Change a state's values by all steps.

    Raises:
        DesignError: a function gives something that is no dict.
    """
    for step in steps:
        if step.change is None:
            continue
        given = step.change(values)
        if not isinstance(given, Mapping):
            raise DesignError(
                f"migration {name_of(step.change)} returned {given!r:.60}; return the new values, "
                "as a dict of state keys"
            )
        values = dict(given)
    return values


def _outer(node: str) -> str:
    return node.rpartition("/")[0]
