"""Lead failed branches to their join, and tell one round of a fan-out from the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.types import Command, Send

from quintet.errors import PersonNeeded
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import current_task
from quintet.state.failure import Failure

OWN = frozenset({"kept", "decisions", "failures", "plan", "merged", "step"})
"""The keys of the state that a branch which is sent out does not take along."""


def at_join(path: str, join: str) -> str:
    """Give the path of the join beside a node."""
    return "/".join(filter(None, (path.rpartition("/")[0], join)))


def round_of(state: Mapping[str, Any], at: str) -> int:
    """Give the number of joins that a run has been through at a place."""
    sent = SentStep.of(state).record.get("round")
    return int(kept(state, "joined").get(at, 0) if sent is None else sent)


def meet_at(
    join: str,
    state: Mapping[str, Any],
    failure: Failure,
    node: str,
    why: Command[Any],
    *,
    last: bool,
) -> Command[Any]:
    """Lead a failed branch to its join in place of a remedy's own node.

    Args:
        join: the node where the branches meet.
        state: the failed node's state, with what it has done and the use of the remedy.
        failure: its failure.
        node: the failed node.
        why: the remedy that recovery has chosen.
        last: whether no tolerance may pass over it.
    """
    step = SentStep.of(state)
    name = step.id or node
    at = at_join(current_task(node).path, join)
    update = dict(why.update)  # type: ignore[arg-type]
    record = update["failures"][0]
    kind, _, to = str(record["remedy"]).partition(":")
    if kind == "fallback":
        note: dict[str, Any] = {"status": "moved", "to": to}
        sent = {**step.record, "id": name, "moved": True, "round": round_of(state, at)}
        shared = {key: value for key, value in state.items() if key not in OWN}
        goto: Any = Send(to, {**shared, "step": sent})
    else:
        note = {"status": "failed", "why": failure.message, "error": failure.error}
        note |= {"to": why.goto, "last": last}
        update["failures"] = [{**record, "remedy": f"join:{join}"}]
        decision = {**update["decisions"][-1], "kind": "merge", "choice": join}
        update["decisions"] = [*update["decisions"][:-1], decision]
        goto = join
    update["kept"] = {**(update.get("kept") or {}), **keep("branch", f"{at}:{name}", note)}
    return Command(goto=goto, update=update)


def is_last(failure: Failure) -> bool:
    """Say whether a failure asks for a person, so that no tolerance may pass over it."""
    return failure.error == PersonNeeded.__name__
