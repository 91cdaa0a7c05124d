"""Refuse what stands in the place of a part of a ready-made graph, and is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NotRequired, Required, get_args, get_origin, get_type_hints

from langchain_core.runnables import Runnable
from langgraph.graph import StateGraph

from quintet.errors import DesignError
from quintet.nodes.work import Worker
from quintet.state.channels import Shared, is_numbered
from quintet.state.fragments import OrchestrationState

RESERVED = ("approve", "act", "finish", "person", "undo")


def check_names(
    workers: Mapping[str, Any], state: type[Any], *taken: str, data: bool = False
) -> None:
    """Refuse workers that are none, or that have a name which no node may have, or a state key.

    Raises:
        DesignError: a worker is no node or has such a name, or that of one of the graph's own nodes
            or of another's further results, or the state is no class or declares a key of ours
            anew.
    """
    if not isinstance(state, type):
        raise DesignError(f"state={state!r:.60}: give a class, which inherits OrchestrationState")
    _check_keys(state)
    keys = get_type_hints(state)
    for name, worker in together(workers).items():
        refuse_no_node(name, worker, data=data)
        if name in (names := (*RESERVED, *taken)):
            raise DesignError(
                f"worker {name!r}: that name is taken ({', '.join(names)}); give another"
            )
        if name in keys and isinstance(worker, Worker):
            raise DesignError(
                f"worker {name!r} has the name of a key of {state.__name__}; a contract that needs "
                f"{name!r} could mean either: rename one"
            )
        if several := [other for other in workers if is_numbered(str(name), other)]:
            raise DesignError(
                f"worker {name!r} has the name of a further result of {several[0]!r}, and one "
                "would replace the other: rename one"
            )


def check_part(name: str, part: Any, kind: type[Any]) -> None:
    """Refuse what stands in the place of a part of ours, and is none; None is no part.

    Raises:
        DesignError: it names the place, the value and the kind.
    """
    if part is not None and not isinstance(part, kind):
        wanted = "a dict" if kind is Mapping else f"{kind.__name__}(...)"
        raise DesignError(f"{name}={part!r:.60}: give {wanted}")


def together(*groups: Any) -> dict[str, Any]:
    """Give several groups of workers as one.

    Raises:
        DesignError: one is no mapping.
    """
    for group in groups:
        if not isinstance(group, Mapping):
            raise DesignError(
                f'workers {group!r:.60}: give them by name, as in {{"billing": billing}}'
            )
    return {name: worker for group in groups for name, worker in group.items()}


def refuse_no_node(name: Any, node: Any, *, data: bool = False) -> None:
    """Refuse what LangGraph can neither name as a node nor run as one, unless data may stand."""
    if not isinstance(name, str) or not name.strip() or _NO_NAME.search(name):
        raise DesignError(
            f"worker {name!r}: no node can have that name, since LangGraph keeps ':', '|', "
            "'__start__' and '__end__' for itself; give a text without them"
        )
    if data:  # a task says what else it takes
        return
    if isinstance(node, StateGraph):
        raise DesignError(
            f"worker {name!r} is a StateGraph: compile the graph first, and give graph.compile()"
        )
    if not (callable(node) or isinstance(node, Runnable)):
        raise DesignError(
            f"worker {name!r} is {node!r:.60}, which no graph can run; give a Worker(agent=..., "
            "contract=...), a function of the state, a runnable or a compiled graph"
        )


_NO_NAME = re.compile(r"[:|\x00\ud800-\udfff]|^__(start|end|input|interrupt)__$")


def _check_keys(state: type[Any]) -> None:
    """Refuse a state that declares a key of ours anew: our nodes' writes to it would be lost."""
    theirs = get_type_hints(state, include_extras=True)
    for key, ours in get_type_hints(OrchestrationState, include_extras=True).items():
        if key in theirs and _channel(ours) not in (Shared, _channel(theirs[key])):
            raise DesignError(
                f"{state.__name__} declares {key!r} anew, and what our nodes keep there would be "
                "lost; give your key another name, and leave ours as OrchestrationState has it"
            )


def _channel(hint: Any) -> Any:
    """Give the channel in a key's annotation, or None."""
    while get_origin(hint) in (Required, NotRequired):
        (hint,) = get_args(hint)
    return next(iter(getattr(hint, "__metadata__", ())), None)
