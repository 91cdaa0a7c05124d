"""Find mistakes about the keys of the state: unknown, doubled or unshared ones, no outcome."""

from __future__ import annotations

import operator
from collections.abc import Iterator

from langgraph.channels import BinaryOperatorAggregate, DeltaChannel
from langgraph.graph.message import add_messages

from quintet.checks.finding import Finding, Level, correction, names
from quintet.checks.graph.entries import Entries
from quintet.checks.graph.part import Part
from quintet.checks.graph.shape import Shape, way
from quintet.checks.source.given import regiven

_ADDING = (operator.add, operator.iadd, operator.concat, operator.iconcat)
_IDEMPOTENT = (add_messages, operator.or_, operator.and_)
"""Reducers that change nothing when they get a value that they already hold."""

_LOST = {
    (False, False): "key with its parent: it gets nothing and gives nothing back",
    (False, True): "input key with its parent: it gets nothing",
    (True, False): "output key with its parent: what it finds is dropped",
}


def unknown_keys(shape: Shape) -> Iterator[Finding]:
    """Find written keys that the state does not have: LangGraph drops them silently."""
    if shape.is_plain:
        return
    for name in shape.parts:
        for key in sorted(shape.written(name).keys - shape.keys):
            remedy = correction(key, shape.keys, f"Add {key!r} to the state")
            yield Finding(
                code="unknown-key",
                node=shape.at(name),
                fault=f"{name!r} writes {key!r}, which the state does not have: it is dropped.",
                remedy=f"{remedy}, or leave it out.",
            )


def whole_state(shape: Shape) -> Iterator[Finding]:
    """Find nodes that return a reduced key unchanged: its value is reduced with itself."""
    for name in _given_state(shape):
        for key in sorted(_regiven(shape, name)):
            yield Finding(
                code="whole-state",
                node=shape.at(name),
                fault=f"{name!r} gives {key!r} its old value again, and its reducer adds that to "
                "the old value: it doubles.",
                remedy=f"Return only what is new: {{{key!r}: ...}} without the old value.",
            )
        for level, reduced in _doubled(shape, name).items():
            yield Finding(
                code="whole-state",
                node=shape.at(name),
                fault=f"{name!r} gives back the whole state, and "
                f"{'doubles' if level == 'error' else 'may double'} {names(*reduced)}: a reducer "
                "gets the old value as if it were new.",
                remedy="Return only the keys that the node changes.",
                level=level,
            )


def _given_state(shape: Shape) -> list[str]:
    """List the nodes that are given the state, and not only what a `Send` holds."""
    entries = Entries(shape=shape)
    sent = {target for _, send in entries.sends for target in send.to.texts} - entries.named
    return [name for name in shape.parts if name not in sent]


def _regiven(shape: Shape, name: str) -> frozenset[str]:
    part = shape.parts[name]
    if not part.is_given_state or part.is_ours:
        return frozenset()
    return frozenset().union(*map(regiven, part.bodies)) & _reduced(shape)["error"]


def _doubled(shape: Shape, name: str) -> dict[Level, frozenset[str]]:
    ways = shape.written(name).whole
    doubled: dict[Level, frozenset[str]] = {}
    for level, keys in _reduced(shape).items():
        if unchanged := frozenset(key for replaced in ways for key in keys - replaced):
            doubled[level] = unchanged
    inner = shape.inner.get(name)
    if inner is not None and inner.returns:
        # A subgraph returns the whole value, its input included, to a reducer that adds it.
        adding = _reduced(shape)["error"] & _reduced(inner)["error"]
        passed = inner.input_keys & inner.output_keys & adding
        doubled = {"error": passed} if passed else {}
    return doubled


def _reduced(shape: Shape) -> dict[Level, frozenset[str]]:
    """List the keys whose reducer adds (error), and those whose reducer might (warning)."""
    adding, other = set(), set()
    for key, channel in shape.channels.items():
        # Its reducer takes a batch of writes, so that it is none of the functions known here.
        if isinstance(channel, DeltaChannel):
            other.add(key)
        elif isinstance(channel, BinaryOperatorAggregate):
            if any(channel.operator is adding_reducer for adding_reducer in _ADDING):
                adding.add(key)
            elif not any(channel.operator is idempotent for idempotent in _IDEMPOTENT):
                other.add(key)
    return {"error": frozenset(adding), "warning": frozenset(other)}


def isolated_subgraphs(shape: Shape) -> Iterator[Finding]:
    """Find subgraphs that share no input or no output key with their parent."""
    for name, inner in shape.inner.items():
        if shape.is_plain or inner.is_plain:
            continue
        outputs = frozenset(inner.builder.schemas.get(inner.builder.output_schema, ()))
        shared = (bool(inner.input_keys & shape.keys), bool(outputs & shape.keys))
        if not all(shared):
            parent_keys = sorted(shape.channels)[:5]
            yield Finding(
                code="isolated-subgraph",
                node=shape.at(name),
                fault=f"The subgraph {name!r} shares no {_LOST[shared]}.",
                remedy=f"Let its state have a key of the parent's ({names(*parent_keys)}), or call "
                "it in a function that translates between the two.",
                level="warning" if shared[0] else "error",
            )


def no_outcome(shape: Shape) -> Iterator[Finding]:
    """Find ends that a run may reach without writing the key `outcome` of its state."""
    if "outcome" not in shape.channels or shape.within:
        return
    silent = frozenset(
        name for name, part in shape.parts.items() if not _may_finish(shape, name, part)
    )
    previous = shape.reached(closed=frozenset(shape.parts) - silent)
    for name in sorted(silent & set(previous)):
        if shape.is_end(name) and not shape.parts[name].spec.is_error_handler:
            yield Finding(
                code="no-outcome",
                node=shape.at(name),
                fault=f"The run can end at {name!r} without an outcome: "
                f"{way(previous, name)} -> END.",
                remedy=f"Lead {name!r} to a node that writes 'outcome', such as Finish.",
                level="warning",
            )


def _may_finish(shape: Shape, name: str, part: Part) -> bool:
    update = shape.written(name)
    return "outcome" in update.keys or not update.complete or part.is_opaque
