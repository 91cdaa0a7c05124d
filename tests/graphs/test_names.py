"""Test a user's classes and keys that are named like ours: they work, or are refused by name.

Postponed annotations, as here, are read again for each class that inherits them.
"""

from __future__ import annotations

import operator
import re
from typing import Annotated, Any, NotRequired

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from quintet.graphs import (
    create_handoff,
    create_planner,
    create_sequential,
    create_single_agent,
    govern,
)
from quintet.nodes import Worker
from quintet.runs import start
from quintet.state import (
    Contract,
    ContractBroken,
    Decision,
    DesignError,
    Ended,
    OrchestrationState,
    Recovered,
    Worked,
    channels,
)
from quintet.state.fragments import RUN_KEYS
from tests.graphs.desks import door


class Log(TypedDict, total=False):
    lines: list[str]


class Results(BaseModel):
    best: str = ""


class Totals(BaseModel):
    sum: int = 0


Actions = Keyed = OwnKeyed = Ending = Latest = RunChannel = Plain = Spending = list[str]


class Named(OrchestrationState, total=False):
    """A state whose own keys have classes that are called as ours."""

    log: Log
    best: Results
    sum: Totals
    acts: Actions
    plain: Plain
    channel: NotRequired[RunChannel]


def worker() -> Worker:
    return Worker(agent=lambda request: "ok", contract=Contract(goal="g", needs=("message",)))


def governed(state: Any) -> StateGraph[Any]:
    return govern(StateGraph(state), {"one": worker()}).set_entry_point("one")


READY_MADE = {
    "single": lambda state: create_single_agent(worker(), state=state),
    "sequential": lambda state: create_sequential({"one": worker(), "two": worker()}, state=state),
    "handoff": lambda state: create_handoff(door("one"), {"one": worker()}, state=state),
    "govern": governed,
}


def test_classes_that_are_named_like_ours_take_the_place_of_none() -> None:
    theirs, ours = StateGraph(Named).channels, StateGraph(OrchestrationState).channels
    assert {key: theirs[key] for key in ours} == ours
    assert set(theirs) - set(ours) == {"log", "best", "sum", "acts", "plain", "channel"}


@pytest.mark.parametrize("make", READY_MADE)
def test_a_state_of_such_classes_keeps_runs_apart(make: str) -> None:
    app = READY_MADE[make](Named).compile(checkpointer=InMemorySaver())
    first = start(app, {"message": "one", "log": {"lines": ["a"]}, "acts": ["b"]}, thread="t")
    second = start(app, {"message": "one"}, thread="t")
    assert first.status == second.status == "done"
    assert first.id != second.id
    assert second.values["spent"]["steps"] == first.values["spent"]["steps"]
    assert (second.values["log"], second.values["acts"]) == ({"lines": ["a"]}, ["b"])


@pytest.mark.parametrize("make", READY_MADE)
@pytest.mark.parametrize("key", [*RUN_KEYS, "actions"])
def test_a_key_that_is_declared_anew_is_refused_by_name(key: str, make: str) -> None:
    keys = {**OrchestrationState.__annotations__, key: list[str]}
    theirs = TypedDict("Theirs", keys, total=False)  # type: ignore[misc]
    with pytest.raises(DesignError, match=f"Theirs declares '{key}' anew"):
        READY_MADE[make](theirs)


class Added(OrchestrationState, total=False):
    decisions: Annotated[list[Any], operator.add]  # type: ignore[misc]


def test_a_reducer_of_the_users_own_in_place_of_ours_is_refused_too() -> None:
    with pytest.raises(DesignError, match="Added declares 'decisions' anew, and what our nodes"):
        create_single_agent(worker(), state=Added)


class Alike(OrchestrationState, total=False):
    results: NotRequired[Annotated[dict[str, Any], channels.Results]]  # type: ignore[misc]


def test_a_key_that_is_declared_as_ours_is_ours() -> None:
    app = create_sequential({"one": worker(), "two": worker()}, state=Alike).compile()
    assert set(app.invoke({"message": "m"})["results"]) == {"one", "two"}


class Parts(Worked, Recovered, Ended, total=False):
    message: str
    plan: list[str]


def test_a_key_of_a_fragment_that_is_not_inherited_is_refused_where_it_is_another() -> None:
    with pytest.raises(DesignError, match="Parts declares 'plan' anew"):
        create_single_agent(worker(), state=Parts)


class MessageOnly(TypedDict, total=False):
    message: str


class ModelState(BaseModel):
    message: str = ""


@pytest.mark.parametrize("state", [MessageOnly, ModelState])
def test_a_state_that_would_drop_what_our_nodes_write_is_refused(state: Any) -> None:
    worker = Worker(agent=lambda request: 1 / 0, contract=Contract(goal="g", needs=("message",)))
    makes: tuple[Any, ...] = (
        lambda: create_single_agent(worker, state=state),
        lambda: create_sequential({"work": worker}, state=state),
        lambda: create_handoff(door("billing"), {"billing": worker}, state=state),
        lambda: govern(StateGraph(state), {"work": worker}),
    )
    for make in makes:
        with pytest.raises(DesignError, match=r"has no .*outcome.*inherit OrchestrationState"):
            make()


@pytest.mark.parametrize(
    "none", [None, "billing", [1], Contract(goal="g", needs=()), StateGraph(Ended)]
)
def test_what_is_no_node_is_refused_in_the_place_of_a_worker(none: Any) -> None:
    makes: tuple[Any, ...] = (
        lambda: create_single_agent(none),
        lambda: create_sequential({"billing": none}),
        lambda: create_handoff(door("billing"), {"billing": none}),
        lambda: govern(StateGraph(OrchestrationState), {"billing": none}),
    )
    for make in makes:
        with pytest.raises(DesignError, match=r"worker '\w+' is .*give"):
            make()


@pytest.mark.parametrize("other", ["text", 3, worker])
@pytest.mark.parametrize("place", ["router", "make", "gate", "recover", "state", "success"])
def test_what_is_no_part_of_ours_is_refused_in_the_place_of_one(place: str, other: Any) -> None:
    if place in ("success", "make") and other is worker:  # a function may stand there
        return
    makes: dict[str, Any] = {
        "router": lambda: create_handoff(other, {"one": worker()}),
        "make": lambda: create_planner(other, {"one": worker()}),
    }
    make = makes.get(place, lambda: create_single_agent(worker(), **{place: other}))
    with pytest.raises(DesignError, match=r"give|is no function"):
        make()


@pytest.mark.parametrize(
    "name", ["a:b", "a|b", "__start__", "__end__", "", " ", "a\0b", "half \ud800", 3]
)
def test_a_name_that_no_node_can_have_is_refused(name: Any) -> None:
    with pytest.raises(DesignError, match="no node can have that name"):
        create_sequential({name: worker()})


def test_workers_without_names_are_refused() -> None:
    with pytest.raises(DesignError, match="give them by name"):
        create_handoff(door("billing"), [worker()])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            (key, "text")
            for key in ("results", "failures", "decisions", "outcome", "run", "spent", "plan")
        ),
        ("route", ["billing"]),
        ("plan", [{"id": "first"}]),
    ],
)
def test_a_value_of_another_kind_in_a_key_of_ours_is_refused(key: str, value: Any) -> None:
    graph = StateGraph(OrchestrationState)
    graph.add_node("mine", lambda state: {key: value})
    graph.add_edge("__start__", "mine")
    named = re.escape(f"wrote {value!r} to the state's key '{key}'")
    with pytest.raises(ContractBroken, match=named):
        graph.compile().invoke({"message": "m"})


@pytest.mark.parametrize("key", ["decisions", "failures"])
@pytest.mark.parametrize(
    ("record", "fault"),
    [
        ("text", "lacks some of"),
        ({"note": "text"}, "lacks some of"),
        (Decision(kind="route", node="n", choice="c", reason="r"), "lacks some of"),
        (dict.fromkeys(("node", "kind", "choice", "reason", "error", "message"), "x"), "kind"),
    ],
)
def test_a_record_of_another_form_is_refused_by_name(key: str, record: Any, fault: str) -> None:
    graph = StateGraph(OrchestrationState)
    graph.add_node("mine", lambda state: {key: [record]})
    graph.add_edge("__start__", "mine")
    with pytest.raises(ContractBroken, match=f"key '{key}', .*{fault}.*write plain"):
        graph.compile().invoke({"message": "m"})
