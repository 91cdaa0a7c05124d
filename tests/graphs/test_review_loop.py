"""Test the bounded loop: produce, review, revise, at most so many rounds, then a person."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NotRequired

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict

from quintet.graphs import (
    begin,
    check,
    create_handoff,
    create_sequential,
    create_single_agent,
    review,
)
from quintet.nodes import ApprovalGate, Finish, Recovery, Review, Worker, effect, hand_over, retry
from quintet.nodes.critic import Critic
from quintet.runs import approve, edit, look, reject, respond, resume, start
from quintet.state import (
    AnswerRefused,
    Contract,
    ContractBroken,
    DesignError,
    OrchestrationState,
    checkpointer,
    unmet,
)
from quintet.testing import ScriptedModel, crashpoints
from tests.graphs.desks import HASTY, WAYS, door, failing, kinds, reason, run, worker


class Draft(TypedDict):
    message: str
    write: NotRequired[str]
    write_review: NotRequired[dict[str, Any]]


class Writer:
    """Write version after version; `fixed` is the version that it stays at."""

    def __init__(self, fixed: int = 10**6) -> None:
        self.notes: list[str] = []
        self.fixed = fixed

    def __call__(self, request: Any) -> str:
        last = request.get("write_review", {})
        self.notes.append(last.get("note", ""))
        return f"v{min(last.get('round', 0) + 1, self.fixed)}"

    @property
    def node(self) -> Worker:
        return worker(self, needs=Draft, goal="Write")


def from_version(number: int) -> Callable[[str], Any]:
    def new_enough(text: str) -> Any:
        return int(text[1:]) >= number or unmet(f"{text} is older than v{number}")

    return new_enough


def loop(writer: Writer, by: Any, **options: Any) -> StateGraph[Any]:
    return create_sequential({"write": writer.node, "check": review("write", by, **options)})


@pytest.mark.parametrize("way", WAYS)
async def test_a_version_goes_back_with_the_note_until_it_holds(way: str):
    writer = Writer()
    graph = loop(writer, from_version(3))
    assert check(graph) == ()
    ended = await run(graph, way, message="m")
    assert (ended.status, ended.results["write"]) == ("done", "v3")
    assert ended.path == ("write", "check") * 3 + ("finish",)
    assert writer.notes == ["", *(f"new_enough: v{n} is older than v3" for n in (1, 2))]
    said = ended.results["write_review"]
    assert (said["answer"], said["round"]) == ("approve", 3)
    assert [v["answer"] for v in said["verdicts"]] == ["reject", "reject", "approve"]
    assert kinds(ended) == ["review", "review", "review", "outcome"]


@pytest.mark.parametrize("rounds", [1, 2, 3])
async def test_after_exactly_so_many_rounds_a_person_takes_over(rounds: int):
    writer = Writer()
    ended = await run(loop(writer, from_version(9), rounds=rounds), message="m")
    assert (ended.status, len(writer.notes)) == ("escalated", rounds)
    assert f"write was not accepted in {rounds} rounds: new_enough" in reason(ended)
    assert ended.outcome is not None
    results = ended.outcome.evidence["packet"]["results"]
    assert results["write"] == f"v{rounds}"
    assert len(results["write_review"]["verdicts"]) == rounds


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 5), st.integers(1, 7))
def test_the_writer_works_as_often_as_it_must_and_no_more(rounds: int, good: int):
    writer = Writer()
    ended = start(loop(writer, from_version(good), rounds=rounds).compile(), {"message": "m"})
    assert len(writer.notes) == min(good, rounds)
    assert ended.status == ("done" if good <= rounds else "escalated")


async def test_an_identical_revision_is_named_and_not_judged_again():
    asked: list[str] = []

    def holds(text: str) -> Any:
        asked.append(text)
        return unmet("no")

    writer = Writer(fixed=1)
    ended = await run(loop(writer, holds), message="m")
    assert (ended.status, asked, len(writer.notes)) == ("escalated", ["v1"], 3)
    assert "no progress: it is the same as in round 1" in reason(ended)
    verdicts = ended.results["write_review"]["verdicts"]
    assert [v.get("no_progress", False) for v in verdicts] == [False, True, True]


class Verdict(TypedDict):
    approved: bool
    note: NotRequired[str]


def critic(agent: Any, **options: Any) -> Worker:
    return worker(agent, **{"needs": ("write",), "gives": Verdict, "goal": "Review", **options})


def strict(request: Any) -> dict[str, Any]:
    good = request["write"] == "v2"
    return {"approved": good, "note": "" if good else "once more"}


async def astrict(request: Any) -> dict[str, Any]:
    return strict(request)


@pytest.mark.parametrize("way", WAYS)
async def test_an_agent_reviews(way: str):
    writer = Writer()
    by = critic(astrict if way == "async" else strict)
    graph = loop(writer, by)
    assert check(graph) == ()
    ended = await run(graph, way, message="m")
    assert (ended.status, writer.notes) == ("done", ["", "once more"])
    assert set(ended.results) == {"write", "write_review"}
    assert ended.values["spent"]["steps"] == 4


async def test_a_model_reviews_and_a_model_writes():
    verdicts = [{"approved": False, "note": "cite"}, {"approved": True}]
    reviewer = ScriptedModel([json.dumps(verdict) for verdict in verdicts])
    author = ScriptedModel(["no source", "with a source"])
    write = Worker(agent=author, contract=Contract(goal="Write", needs=Draft, gives=str))
    by = Worker(agent=reviewer, contract=Contract(goal="Review", needs=("write",), gives=Verdict))
    ended = await run(
        create_sequential({"write": write, "check": review("write", by)}), message="m"
    )
    assert (ended.status, ended.results["write"]) == ("done", "with a source")
    assert "cite" in str(author.calls[-1])
    assert [d.by for d in ended.decisions if d.kind == "review"] == ["model", "model"]


async def test_a_reviewer_that_gives_no_verdict_is_a_broken_contract():
    for answer in ({"approved": "yes"}, {"fine": True}, "good"):
        by = worker(lambda request, answer=answer: answer, needs=("write",), goal="Review")
        ended = await run(loop(Writer(), by), message="m")
        assert ended.status == "escalated"
        assert "a reviewer gives `approved`" in reason(ended)


async def test_a_reviewer_that_fails_is_retried_and_its_round_counts_once():
    writer = Writer()
    by = critic(failing(ConnectionError("down"), then=strict))
    workers = {"write": writer.node, "check": review("write", by)}
    ended = await run(
        create_sequential(workers, recover=Recovery(transient=retry(2, wait=0))), message="m"
    )
    assert (ended.status, len(writer.notes)) == ("done", 2)


async def test_a_criterion_that_cannot_judge_goes_to_a_person():
    def broken(text: str) -> bool:
        raise KeyError("rule")

    workers = {"write": Writer().node, "check": review("write", broken)}
    ended = await run(create_sequential(workers, recover=HASTY), message="m")
    assert ended.status == "escalated"
    assert "broken could not judge write: KeyError" in reason(ended)


async def test_criteria_may_look_at_the_state_and_all_faults_come_back_at_once():
    def answers(state: Any, text: str) -> Any:
        return state["message"] in text or unmet(f"{state['message']} is missing")

    writer = Writer()
    ended = await run(loop(writer, (answers, from_version(2)), rounds=2), message="v")
    assert ended.status == "done"
    assert writer.notes[1] == "new_enough: v1 is older than v2"
    again = Writer()
    await run(loop(again, (answers, from_version(2)), rounds=2), message="x")
    assert again.notes[1] == "answers: x is missing; new_enough: v1 is older than v2"


async def test_a_person_reviews_and_sees_that_nothing_has_changed():
    writer = Writer(fixed=1)
    graph = loop(writer, Review(approvers=("ann",)), rounds=2)
    assert check(graph) == ()
    shown = await run(graph, message="m")
    shown = shown.answer(reject(by="ann", note="kinder"))
    assert writer.notes == ["", "kinder"]
    assert "no progress: it is the same as in round 1" in shown.waiting[0].packet["why_asked"]
    ended = shown.answer(approve(by="ann"))
    assert ended.status == "done"
    assert [v["answer"] for v in ended.results["write_review"]["verdicts"]] == ["reject", "approve"]


async def test_a_rule_then_a_person_each_with_rounds_of_its_own():
    writer = Writer()
    workers = {
        "write": writer.node,
        "rule": review("write", from_version(2), rounds=2),
        "look": review("write", Review(), rounds=2, rejected="write"),
    }
    shown = await run(create_sequential(workers), message="m")
    assert shown.path == ("write", "rule", "write", "rule")
    shown = shown.answer(reject(by="ann", note="more"))
    # The rule had said yes, so that it begins anew.
    assert shown.path[4:] == ("look", "write", "rule")
    ended = shown.answer(approve(by="ann"))
    assert ended.status == "done"
    said = [(v["by"], v["answer"]) for v in ended.results["write_review"]["verdicts"]]
    rule = "new_enough"
    assert said == [
        (rule, "reject"),
        (rule, "approve"),
        ("ann", "reject"),
        (rule, "approve"),
        ("ann", "approve"),
    ]


async def test_a_second_run_on_the_thread_begins_at_round_one(tmp_path: Path):
    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        app = loop(Writer(), from_version(9), rounds=2).compile(checkpointer=saver)
        for _ in range(3):
            ended = start(app, {"message": "m"}, thread="t")
            assert ended.path == ("write", "check") * 2 + ("person",)


@pytest.mark.parametrize("inside", ["node", "agent"])
async def test_a_loop_within_a_loop_counts_apart(inside: str):
    inner_writer = Writer()
    inner = loop(inner_writer, from_version(2), rounds=2).compile()
    seen = itertools.count(1)

    def third(result: Any) -> Any:
        return next(seen) >= 3 or unmet("again")

    class Given(TypedDict):
        message: str

    if inside == "agent":
        contract = Contract(goal="Write", needs=Given)
        workers: dict[str, Any] = {"desk": Worker(agent=inner, contract=contract)}
        of = "desk"
    else:
        workers, of = {"desk": inner}, "write"
    # A nested graph gives its state as its result, which holds what differs in each round.
    workers["check"] = review(of, third, rounds=3, rejected="desk")
    ended = await run(create_sequential(workers), message="m")
    assert ended.path.count("desk") == (3 if inside == "agent" else ended.path.count("desk"))
    assert ended.status in ("done", "escalated")
    assert len(inner_writer.notes) >= 2


async def test_two_loops_at_once_by_send_count_apart():
    writers = {"a": Writer(), "b": Writer()}
    graph: StateGraph[Any] = StateGraph(OrchestrationState)

    def split(state: Any) -> list[Send]:
        return [Send(name, {"message": "m"}) for name in writers]

    for name, number in (("a", 2), ("b", 3)):
        graph.add_node(name, loop(writers[name], from_version(number)).compile())
        graph.add_edge(name, "end")
    graph.add_node("end", Finish())
    graph.add_node("begin", lambda state: {})
    graph.add_edge(START, "begin").add_edge("end", END)
    graph.add_conditional_edges("begin", split, ["a", "b"])
    ended = await run(graph, message="m")
    assert ended.status == "done"
    assert (len(writers["a"].notes), len(writers["b"].notes)) == (2, 3)


async def test_it_stands_in_a_graph_of_ones_own():
    graph: StateGraph[Any] = StateGraph(OrchestrationState)
    graph.add_node("write", Writer().node)
    graph.add_node("check", review("write", from_version(2), approved="finish"))
    graph.add_node("finish", Finish()).add_node("person", hand_over)
    path = begin("write")
    graph.add_conditional_edges(START, path, path.targets)
    graph.add_edge("write", "check").add_edge("finish", END).add_edge("person", END)
    assert check(graph) == ()
    assert (await run(graph, message="m")).path == ("write", "check", "write", "check", "finish")


async def test_it_stands_in_other_patterns():
    desk = {"write": worker(Writer(), needs=Draft, then="check"), "check": None, "other": worker()}
    desk["check"] = review("write", from_version(2))
    routed = create_handoff(door("write", "other"), desk)
    assert check(routed) == ()
    ended = await run(routed, message="write")
    assert ended.path == ("router", "write", "check", "write", "check", "finish")
    inner = loop(Writer(), from_version(2)).compile()
    alone = create_single_agent(worker(inner, needs=("message",)))
    assert (await run(alone, message="m")).status == "done"
    stuck = loop(Writer(), from_version(9)).compile()
    ended = await run(create_single_agent(worker(stuck, needs=("message",))), message="m")
    assert (ended.status, "was not accepted in 3 rounds" in reason(ended)) == ("escalated", True)


def posting() -> StateGraph[Any]:
    """Build a loop whose output is sent by an effect."""

    def post(text: str) -> str:
        return f"sent {text}"

    def agent(request: Any, tools: Any) -> str:
        return str(tools.post(text=request["write"]))

    poster = worker(agent, needs=("write",), tools=(effect(post, key="{text}"),), goal="Post")
    return create_sequential(
        {
            "write": Writer().node,
            "check": review("write", from_version(2)),
            "look": review("write", Review(), rounds=2),
            "post": poster,
        }
    )


def test_it_holds_at_every_crash_point():
    report = crashpoints(posting, {"message": "m"}, person=lambda packet: approve(by="ann"))
    assert report.ok, report


@pytest.fixture
def shown() -> Iterator[Any]:
    writer = Writer()
    workers = {"write": writer.node, "last": worker(lambda r: r["write"], needs=("write",))}
    with checkpointer("memory://") as saver:
        graph = create_sequential(workers, pause_after=("write",))
        assert check(graph) == ()
        yield start(graph.compile(checkpointer=saver), {"message": "m"}, thread="t")


def test_a_pause_goes_on_with_a_yes_an_edit_or_a_response(shown: Any):
    assert (shown.waiting[0].node, shown.path) == ("review_write", ("write",))
    ended = shown.answer(approve(by="ann"))
    assert (ended.status, ended.results["last"]) == ("done", "v1")


def test_a_pause_goes_on_with_what_the_person_made_of_it(shown: Any):
    assert shown.answer(edit({"output": "mine"}, by="ann")).results["last"] == "mine"


def test_a_response_at_a_pause_is_there_for_the_next_step(shown: Any):
    ended = shown.answer(respond("shorter next time", by="ann"))
    assert (ended.status, ended.results["last"]) == ("done", "v1")
    assert ended.results["write_review"]["note"] == "shorter next time"


def test_a_no_at_a_pause_ends_the_run_as_rejected(shown: Any):
    ended = shown.answer(reject(by="ann", note="not this"))
    assert (ended.status, ended.path) == ("rejected", ("write", "review_write", "finish"))
    assert "ann said reject: not this" in reason(ended)


async def test_a_review_as_an_argument_has_its_approvers_and_rounds():
    writer = Writer()
    pauses = {"write": Review(approvers=("ann",), rounds=2)}
    graph = create_sequential({"write": writer.node, "last": worker()}, pause_after=pauses)
    shown = (await run(graph, message="m")).answer(reject(by="ann", note="more"))
    assert (shown.waiting[0].packet["round"], writer.notes) == (2, ["", "more"])
    assert shown.answer(reject(by="ann")).status == "escalated"


def test_pauses_that_cannot_be_are_refused():
    for pauses, why in (
        ("a", "give a tuple"),
        (("b",), "there is no step 'b'"),
        ({"a": ApprovalGate()}, "give a Review"),
        ({"a": Review(of="a")}, "leave of= and approved= out"),
    ):
        with pytest.raises(DesignError, match=why):
            create_sequential({"a": worker()}, pause_after=pauses)  # type: ignore[arg-type]


def test_reviews_that_cannot_be_are_refused():
    async def later(text: str) -> bool:
        return True

    def post(text: str) -> str:
        return text

    for given_, why in (
        (("", bool), "name the result"),
        (("a", ()), "give criteria"),
        (("a", "rule"), "give criteria"),
        (("a", later), "is async"),
        (("a", worker(then="b")), "a reviewer gives its verdict"),
        (("a", worker(tools=(effect(post, key="{text}"),))), "a reviewer changes nothing"),
    ):
        with pytest.raises(DesignError, match=why):
            review(*given_)
    for rounds in (0, True, "3"):
        with pytest.raises(DesignError, match="rounds="):
            review("a", bool, rounds=rounds)  # type: ignore[arg-type]
    bare = review("a", bool)
    assert isinstance(bare, Critic)
    with pytest.raises(DesignError, match="give approved="):
        bare({"results": {"a": 1}})
    wired = review("a", bool, approved="b")
    with pytest.raises(ContractBroken, match="there is no result 'a'"):
        wired({"results": {}})
    with pytest.raises(DesignError, match="no step of a plan"):
        wired({"results": {"a": 1}, "step": {"id": "s", "planner": "plan"}})


def test_the_node_is_a_function():
    node = review("a", from_version(2), approved="b", rounds=2)
    back = node({"results": {"a": "v1"}})
    assert (back.goto, back.update["results"]["a_review"]["round"]) == ("a", 1)
    kept = back.update["kept"]
    over = node({"results": {"a": "v1"}, "kept": kept})
    assert over.goto == "person"
    held = node({"results": {"a": "v2"}, "kept": kept})
    assert (held.goto, held.update["kept"]["review review"]) == ("b", None)
    assert node({"results": {"a": "v3"}, "kept": over.update["kept"]}).goto == "person"


def test_a_run_that_is_cut_off_goes_on_in_its_round(tmp_path: Path):
    calls: list[str] = []

    def cut_off(text: str) -> Any:
        calls.append(text)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return int(text[1:]) >= 3

    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        writer = Writer()
        app = loop(writer, cut_off).compile(checkpointer=saver)
        with pytest.raises(KeyboardInterrupt):
            start(app, {"message": "m"}, thread="t")
        assert look(app, thread="t").status == "unfinished"
        ended = resume(app, thread="t")
    assert (ended.status, calls, len(writer.notes)) == ("done", ["v1", "v2", "v2", "v3"], 3)


@pytest.mark.parametrize("place", ["review", "pause"])
@pytest.mark.parametrize(("output", "why"), [(5, "should be a valid string"), (None, "no output")])
def test_an_edit_has_the_type_that_the_contract_gives(place, output, why):
    steps: dict[str, Any] = {"write": worker(lambda request: "a draft", gives=str)}
    pauses = ("write",) if place == "pause" else ()
    if place == "review":
        steps["check"] = review("write", Review())
    with checkpointer("memory://") as saver:
        app = create_sequential(steps, pause_after=pauses).compile(checkpointer=saver)
        shown = start(app, {"message": "m"}, thread="t")
        with pytest.raises(AnswerRefused, match=why):
            shown.answer(edit({"output": output}, by="maria"))
        assert look(app, thread="t").waiting
        ended = shown.answer(edit({"output": "better"}, by="maria"))
    assert (ended.status, ended.results["write"]) == ("done", "better")


def test_a_criterion_that_returns_a_reviewers_answer_judges_nothing():
    def judges(text: str) -> dict[str, Any]:
        return {"approved": False, "note": "cite a page"}

    steps = {"write": worker(lambda request: "a draft"), "check": review("write", judges)}
    ended = start(create_sequential(steps).compile(), {"message": "m"})
    assert ended.status == "escalated"
    assert "a dict with verdicts in it" in ended.outcome.reason
