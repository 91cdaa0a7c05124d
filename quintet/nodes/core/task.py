"""Tell which of LangGraph's tasks is running, by its public configuration and runtime."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config
from langgraph.runtime import ExecutionInfo, Runtime, get_runtime

_calls = count(1)

caller: ContextVar[str] = ContextVar("quintet_caller", default="")
"""The task that calls the running one as a part of itself, in LangGraph's functional form.

When LangGraph retries that, its parts run anew under other ids; what they do is done by it.
"""


@dataclass(frozen=True, slots=True)
class Task:
    """One execution of a node, as LangGraph calls it; outside a graph only the name is known.

    `path` is the node's name after those of the nodes that its graph is nested in: `desk/plan`.
    `superstep` is the same for all nodes that run at once, and for no others of any thread.
    `around` are the tasks that its graph is nested in, the outermost first.
    """

    node: str
    thread: str = ""
    id: str = ""
    attempt: int = 1
    superstep: str = ""
    path: str = ""
    around: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        """Give the id of the task whose retry does this one's work anew."""
        return caller.get() or self.id


def current_task(default: str) -> Task:
    """Give the task that runs now, under its node's name; outside a graph, under `default`."""
    try:
        config = get_config()
    except RuntimeError:
        return Task(default, superstep=f"call {next(_calls)}", path=default)
    node = str(config.get("metadata", {}).get("langgraph_node", default))
    info = _info()
    if info is None:
        return Task(node, superstep=f"call {next(_calls)}", path=node)
    node = node.removeprefix("__error_handler__")  # LangGraph runs a handler under this name
    # The namespace holds `node:task` of each graph around, and of this node at its end.
    around = [part.partition(":") for part in (info.checkpoint_ns or "").split("|")[:-1]]
    return Task(
        node,
        info.thread_id or "",
        info.task_id,
        info.node_attempt,
        _root(config) or info.checkpoint_id,
        "/".join((*(name for name, _, _ in around), node)),
        tuple(task for _, _, task in around),
    )


def _root(config: RunnableConfig) -> str:
    """Give the checkpoint of the outermost graph; empty where this graph is not nested."""
    outer: Mapping[str, str] = config.get("configurable", {}).get("checkpoint_map") or {}
    return outer.get("", "")


def attempt_number() -> int:
    """Give the number of the attempt that runs now, from 1; 1 outside a graph."""
    info = _info()
    return 1 if info is None else info.node_attempt


def running_task() -> str:
    """Give the id of the task that runs now, the innermost; empty outside a graph."""
    info = _info()
    return "" if info is None else info.task_id


def told_to_stop() -> bool:
    """Say whether the run shall stop at the end of this superstep; False outside a graph."""
    try:
        runtime: Runtime[Any] | None = get_runtime()
    except (RuntimeError, KeyError):
        return False
    return runtime is not None and runtime.drain_requested


def _info() -> ExecutionInfo | None:
    """Give what LangGraph tells of the running task; None outside a graph."""
    try:
        runtime: Runtime[Any] | None = get_runtime()
    except (RuntimeError, KeyError):  # a runnable of LangChain's has a config, and no runtime
        return None
    return None if runtime is None else runtime.execution_info
