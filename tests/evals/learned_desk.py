"""A small learned router, for tests of what becomes of its messages."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from langgraph.graph import START, StateGraph

from quintet.nodes import Router, by_examples
from quintet.nodes.choosers.examples import Examples
from quintet.state import OrchestrationState, Outcome
from quintet.state.record import plain

GOODS = {
    "bakery": "loaf bun cake pie roll flour dough pretzel muffin tart crust yeast",
    "forge": "anvil nail horseshoe hinge blade chain hammer bolt ingot rivet shovel axe",
    "mill": "grain sack wheat barley oat millstone bran rye chaff sieve hopper husk",
}
SAYINGS = [
    "how much is the {}",
    "i would like a {} please",
    "can you mend my {}",
    "when is the {} ready",
    "do you still have a {}",
]
PAIRS = [
    (said.format(word), desk) for desk in GOODS for word in GOODS[desk].split() for said in SAYINGS
]
LIKE = [f"is there a {word} left for me" for words in GOODS.values() for word in words.split()]
random.Random(1).shuffle(LIKE)
STRANGE = [f"quantum {word} nebula {n}" for n in range(9) for word in ("flux", "spin", "ion", "x")]


class Desk(OrchestrationState, total=False):
    message: str
    wish: str


def learned() -> Examples:
    """Learn the desks from the examples."""
    return by_examples(PAIRS, at_least=0.9, out_of_scope=0.05)


def end(state: Desk) -> dict[str, Any]:
    return {"outcome": plain(Outcome(status="done", reason="as asked"))}


def graph_of(chooser: Any, **settings: Any) -> StateGraph[Any]:
    """Make a graph whose router chooses by this."""
    router = Router(choose=chooser, to=dict.fromkeys(GOODS, "end"), otherwise="end", **settings)
    graph = StateGraph(Desk).add_node("door", router, destinations=router.destinations)
    return graph.add_node("end", end).add_edge(START, "door")


def wish(state: Mapping[str, Any]) -> str:
    return str(state["wish"])
