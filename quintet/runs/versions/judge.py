"""Judge what the differences between two graphs mean for a run that is under way.

A run shall go on as the graph that it was started with. So a difference is compatible only where
the run has lost nothing by it: neither a step that it would have made, nor a value, nor what an
open question or a claimed effect is known by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.graph import START

from quintet.runs.pending import JOIN
from quintet.runs.versions.fingerprint import effects_in, gates_in
from quintet.runs.versions.held import Held
from quintet.runs.versions.hints import alternatives
from quintet.runs.versions.ways import Ways

Graph = Mapping[str, Any]

NAMED_IN_STATE = ("Worker", "Planner", "Router", "Merge", "Dispatcher", "Handle")
"""Nodes by whose names the state keeps results, steps or notes."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Describe one difference between the graph of a run and the one that shall go on with it.

    Args:
        at: the node, field, effect or gate; of a nested graph with the node that holds it.
        reason: the difference, and why it matters or why it does not.
        breaks: whether the run cannot go on as it was begun.
        final: whether no migration can make up for it.
    """

    at: str
    reason: str
    breaks: bool = True
    final: bool = False

    def __str__(self) -> str:
        return f"{self.at}: {self.reason}"


def judge(old: Graph, new: Graph, held: Held) -> list[Difference]:
    """List the differences between two graphs, and judge them by what a run holds.

    Args:
        old: the fingerprint of the graph that the run was moved with last.
        new: the fingerprint of the graph that shall go on with it.
        held: the things that the run holds.
    """
    return [*_graphs(old, new, held, ""), *_effects(old, new, held), *_gates(old, new, held)]


def _graphs(old: Graph, new: Graph, held: Held, path: str) -> Iterator[Difference]:
    yield from _Nodes(old=old, new=new, held=held, path=path).differences()
    yield from _fields(old, new, held, path)
    # Only a nested graph that is under way holds anything; any other begins anew.
    for name, inner in held.inner:
        before, after = old["inner"].get(name), new["inner"].get(name)
        if before is not None and after is not None and before != after:
            yield from _graphs(before, after, inner, f"{path}{name}/")
        elif before is not None and after is None and name in new["nodes"]:
            yield Difference(
                at=f"{path}{name}",
                reason="the run is inside its graph, and it holds none any more",
                final=True,
            )


@dataclass(frozen=True, kw_only=True)
class _Nodes:
    """Judge the nodes and ways of one graph."""

    old: Graph
    new: Graph
    held: Held
    path: str

    def differences(self) -> Iterator[Difference]:
        if self.held.pending == (START,):
            reason = "none of its nodes has run: it runs as this graph"
            yield Difference(at=f"{self.path}nodes", reason=reason, breaks=False)
            return
        before, after = self.old["nodes"], self.new["nodes"]
        for name in before:
            if name not in after:
                yield self._removed(name)
        for name in after:
            if name not in before:
                yield self._added(name)
        for name in sorted(before.keys() & after.keys()):
            yield from self._changed(name, before[name], after[name])
        yield from self._ways()

    def _removed(self, name: str) -> Difference:
        at, kind = f"{self.path}{name}", self.old["nodes"][name]["kind"]
        if name in self.held.pending:
            doing = "waits for an answer at it" if self.held.asking else "goes on at it"
            return Difference(at=at, reason=f"the run {doing}, and it is gone{self._like(name)}")
        if name in self.held.following:
            reason = f"stored results are on their way to it, and it is gone{self._like(name)}"
            return Difference(at=at, reason=reason, final=True)
        if name in Ways.of(self.old).ahead(self.held.pending):
            return Difference(
                at=at, reason=f"the run may still come to it, and it is gone{self._like(name)}"
            )
        if name in self.held.ran and kind in NAMED_IN_STATE:
            reason = f"the state keeps what this {kind} did by its name, and it is gone"
            return Difference(at=at, reason=f"{reason}{self._like(name)}")
        why = "has passed it" if name in self.held.ran else "cannot come to it"
        return Difference(at=at, reason=f"it is gone, and the run {why}", breaks=False)

    def _like(self, name: str) -> str:
        """Name the new node of the same kind, if there is one: it may be the old one's new name."""
        kind = self.old["nodes"][name]["kind"]
        new = [
            other
            for other, node in self.new["nodes"].items()
            if other not in self.old["nodes"] and node["kind"] == kind
        ]
        return f" (renamed to {new[0]!r}?)" if len(new) == 1 else ""

    def _added(self, name: str) -> Difference:
        at, ways = f"{self.path}{name}", Ways.of(self.new)
        pending = [node for node in self.held.pending if node in self.new["nodes"]]
        for node in pending:
            if ways.leads_only_through(name, node):
                return Difference(
                    at=at, reason=f"it is new and stands before {node}, at which the run is already"
                )
        passed = {START, *self.held.ran} - ways.ahead(self.held.pending)
        for start, end in self.new["edges"]:
            if end == name and start in passed and START not in self.held.pending:
                where = "the start" if start == START else start
                return Difference(
                    at=at, reason=f"it is new and follows {where}, which the run has passed"
                )
        return Difference(at=at, reason="it is new, and the run has not missed it", breaks=False)

    def _changed(
        self, name: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> Iterator[Difference]:
        at = f"{self.path}{name}"
        if before["kind"] != after["kind"]:
            asked = name in self.held.pending and self.held.asking
            yield Difference(
                at=at,
                reason=f"it was a {before['kind']} and is a {after['kind']}"
                + (": the open question may be its, and the answer another's" if asked else ""),
                breaks=asked,
            )
        asks = before.get("asks", False), after.get("asks", False)
        if asks == (True, False) and name in Ways.of(self.old).ahead(self.held.pending):
            yield Difference(at=at, reason="it asks a person no more, and the run may come to it")

    def _ways(self) -> Iterator[Difference]:
        """Judge what lies ahead of the run among the nodes that both graphs have."""
        both = self.old["nodes"].keys() & self.new["nodes"].keys()
        starts = [node for node in self.held.pending if node in both or node == START]
        before, after = Ways.of(self.old), Ways.of(self.new)
        lost = before.ahead(starts, declared=True) & both - after.ahead(starts)
        for name in sorted(lost):
            yield Difference(
                at=f"{self.path}{name}",
                reason=f"no way leads to it from {', '.join(starts)} any more",
            )
        again = after.ahead(starts, sure=True) & both & self.held.ran - before.ahead(starts)
        for name in sorted(again - set(starts)):
            yield Difference(
                at=f"{self.path}{name}", reason="the run has passed it, and would come to it again"
            )
        for channel in sorted(self.held.awaited):
            starts_of, _, end = channel.removeprefix(JOIN).rpartition(":")
            edge = [sorted(starts_of.split("+")), end]
            # A renamed or removed target is told of by its own name.
            if edge not in self.new["joins"] and end in both:
                yield Difference(
                    at=f"{self.path}{end}",
                    reason=f"some of {', '.join(edge[0])} have arrived there, and the edge that "
                    "waits for all of them is another now",
                    final=True,
                )
        yield from self._left(before, after)
        same = self.old["edges"] == self.new["edges"] and self.old["joins"] == self.new["joins"]
        if not lost and not (same and self.old["branches"] == self.new["branches"]):
            where = f"{self.path}edges"
            yield Difference(
                at=where, reason="they differ, and the run still comes to all", breaks=False
            )
        yield from self._bypassed(before, after, starts)

    def _left(self, before: Ways, after: Ways) -> Iterator[Difference]:
        """Find ways that have changed under a node whose result is stored, and not asked again."""
        for name in self.held.pending if self.held.results else ():
            if name in after.nodes and before.out(name) != after.out(name):
                yield Difference(
                    at=f"{self.path}{name}",
                    reason="results of the superstep under way are stored, and the ways out of it "
                    "have changed",
                    final=True,
                )

    def _bypassed(self, before: Ways, after: Ways, starts: list[str]) -> Iterator[Difference]:
        """Find gates that stand no longer before the nodes that they stood before."""
        for gate, node in self.old["nodes"].items():
            if not node.get("asks") or gate not in self.new["nodes"] or gate in starts:
                continue
            free_before = before.ahead(starts, without=(gate,), declared=True)
            free_now = after.ahead(starts, without=(gate,), declared=True)
            guarded = before.ahead(starts, declared=True) - free_before - {gate}
            for name in sorted(guarded & free_now):
                yield Difference(
                    at=f"{self.path}{name}", reason=f"a way leads to it past the gate {gate} now"
                )


def _fields(old: Graph, new: Graph, held: Held, path: str) -> Iterator[Difference]:
    before, after = old["fields"], new["fields"]
    for key in sorted(before.keys() | after.keys()):
        at = f"{path}field {key}"
        if key not in after:
            lost = key in held.keys
            reason = "the run has a value for it" if lost else "the run has no value for it"
            yield Difference(at=at, reason=f"it is gone, and {reason}", breaks=lost)
        elif key not in before:
            must = after[key].get("required", False)
            reason = (
                "it is new, must be there, and the run has no value for it: declare it NotRequired"
                if must
                else "it is new, and may be missing or has a first value"
            )
            yield Difference(at=at, reason=reason, breaks=must)
        elif before[key] != after[key]:
            yield from _retyped(at, before[key], after[key], key in held.keys)


def _retyped(at: str, before: Graph, after: Graph, has: bool) -> Iterator[Difference]:
    if before["type"] != after["type"]:
        wider = alternatives(before["type"]) <= alternatives(after["type"])
        fits = "its old values fit" if wider else "the run has a value of the old type"
        because = fits if has or wider else "the run has no value for it"
        yield Difference(
            at=at,
            reason=f"it was {before['type']} and is {after['type']}; {because}",
            breaks=has and not wider,
        )
    if before["channel"] != after["channel"]:
        because = "the run has a value for it" if has else "the run has no value for it"
        yield Difference(
            at=at,
            reason=f"its updates were merged by {before['channel']} and are by "
            f"{after['channel']}; {because}",
            breaks=has,
        )
    if after.get("required") and not before.get("required") and not has:
        yield Difference(at=at, reason="it must be there now, and the run has no value for it")


def _effects(old: Graph, new: Graph, held: Held) -> Iterator[Difference]:
    """Judge the effects: a thread's claims and actions are known by their names and keys."""
    before, after = effects_in(old), effects_in(new)
    for name, effect in sorted(before.items()):
        now = after.get(name)
        if now == effect:
            continue
        if now is None:
            change = "it is gone"
        elif now["key"] != effect["key"]:
            change = f"its key was {effect['key']!r} and is {now['key']!r}"
        else:
            change = f"it took {_takes(effect)} and takes {_takes(now)}"
        known = name in held.effects
        because = (
            "this thread has proposed or begun it, and would not know it again"
            if known
            else "this thread has not begun it"
        )
        yield Difference(
            at=f"effect {name}", reason=f"{change}; {because}", breaks=known, final=known
        )
    for name in sorted(after.keys() - before.keys()):
        yield Difference(at=f"effect {name}", reason="it is new", breaks=False)


def _takes(effect: Graph) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in effect["takes"].items()) or "nothing"


def _gates(old: Graph, new: Graph, held: Held) -> Iterator[Difference]:
    for gate in sorted(gates_in(old) - gates_in(new)):
        waits = gate in held.gates
        because = "an action waits for its answer" if waits else "nothing waits for it"
        # The action names its gate, and no migration gives gates new names.
        yield Difference(
            at=f"gate {gate}", reason=f"it is gone; {because}", breaks=waits, final=waits
        )
