"""Test background tasks by themselves: start, look, message, answer, cancel, tools."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from quintet.graphs import create_manager_worker, create_single_agent
from quintet.nodes import (
    ApprovalGate,
    Ledger,
    Manager,
    Recovery,
    Worker,
    effect,
    escalate,
    retry,
)
from quintet.runs import Background, approve, look, reject, release, resume, start, stop, stops
from quintet.state import (
    AnswerRefused,
    Contract,
    DesignError,
    NoSuchRun,
    OrchestrationState,
    RunError,
    Step,
    Stopped,
    checkpointer,
)
from quintet.testing import ScriptedModel

FAST = Recovery(transient=retry(2, wait=0), otherwise=escalate())


class Shop:
    """Work in the background: at once, when let go, or with a person."""

    def __init__(self, saver: Any, **options: Any) -> None:
        self.go = threading.Event()
        self.busy = threading.Event()
        self.heard: list[str] = []
        self.paid: list[int] = []

        def pay(amount: int) -> str:
            """Pay an amount."""
            self.paid.append(amount)
            return "paid"

        def payer(request: Any, tools: Any) -> dict[str, str]:
            return {"said": str(tools["pay"](amount=7))}

        paying = effect(pay, key="pay:{amount}")
        graphs = {
            "quick": self.single(self.quick),
            "slow": self.single(self.slow),
            "broken": self.single(self.broken),
            "payer": self.single(payer, tools=(paying,), gate=ApprovalGate(approvers=("maria",))),
        }
        self.tasks = Background(graphs, checkpointer=saver, **options)

    def single(self, agent: Any, gate: Any = None, **contract: Any) -> Any:
        terms = Contract(goal="Work", needs=("message",), **contract)
        return create_single_agent(Worker(agent=agent, contract=terms), gate=gate, recover=FAST)

    def quick(self, request: Any) -> dict[str, str]:
        self.heard.append(request["message"])
        return {"reply": f"about {request['message']}"}

    def slow(self, request: Any) -> dict[str, str]:
        self.busy.set()
        assert self.go.wait(10)
        return self.quick(request)

    def broken(self, request: Any) -> dict[str, str]:
        raise ValueError("broken")

    def settled(self, name: str, of: str = "desk") -> dict[str, Any]:
        return settled(self.tasks, name, of)


def settled(tasks: Background, name: str, of: str = "desk") -> dict[str, Any]:
    """Wait until a task works no more."""
    for _ in range(100):
        view = tasks.check_task(name, of=of)
        if view["status"] != "running":
            return view
        tasks.wait_tasks([name], of=of, seconds=0.2)
    raise AssertionError(f"{name} does not settle")


@pytest.fixture(params=["memory", "sqlite"])
def saver(request, tmp_path) -> Iterator[Any]:
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'runs.db'}"
    with checkpointer(url) as opened:
        yield opened


@pytest.fixture
def shop(saver) -> Iterator[Shop]:
    shop = Shop(saver)
    yield shop
    shop.go.set()


def test_a_task_runs_on_a_thread_of_its_own(shop, saver):
    begun = shop.tasks.start_task("slow", "cats", id="a", of="desk")
    assert (begun["status"], begun["turns"]) == ("running", [])
    assert shop.busy.wait(5)
    shop.go.set()
    ended = shop.settled("a")
    assert ended["status"] == "done"
    [turn] = ended["turns"]
    assert turn["answer"] == {"reply": "about cats"}
    assert turn["spent"]["steps"] == 1
    app = shop.single(shop.quick).compile(checkpointer=saver)
    assert look(app, thread=ended["thread"]).status == "done"


def test_a_task_that_is_started_again_is_the_same_task(shop):
    for _ in range(3):
        shop.tasks.start_task("quick", "cats", id="a", of="desk")
    shop.settled("a")
    shop.tasks.start_task("quick", "cats", id="a", of="desk")
    assert (shop.settled("a")["status"], shop.heard) == ("done", ["cats"])
    with pytest.raises(RunError, match="give the new one another id"):
        shop.tasks.start_task("slow", "dogs", id="a", of="desk")


def test_owners_do_not_see_each_others_tasks(shop):
    shop.tasks.start_task("quick", "cats", id="a", of="desk")
    with pytest.raises(NoSuchRun, match="no background task 'a'"):
        shop.tasks.check_task("a", of="other")


def test_follow_ups_queue_and_are_answered_in_turn(shop):
    shop.tasks.start_task("slow", "cats", id="a", of="desk")
    for _ in range(2):  # said twice while it is queued, it is queued once
        view = shop.tasks.message_task("a", "dogs", of="desk")
        assert view["status"] == "running"
    shop.tasks.message_task("a", "birds", of="desk", key="2")
    shop.tasks.message_task("a", "birds", of="desk", key="2")
    shop.go.set()
    ended = shop.settled("a")
    assert shop.heard == ["cats", "dogs", "birds"]
    assert [turn["answer"]["reply"] for turn in ended["turns"]] == [
        "about cats",
        "about dogs",
        "about birds",
    ]
    shop.tasks.message_task("a", "fish", of="desk")  # one that has ended goes on
    assert len(shop.settled("a")["turns"]) == 4


def test_a_task_that_fails_says_why_and_may_be_told_more(shop):
    shop.tasks.start_task("broken", "cats", id="a", of="desk")
    ended = shop.settled("a")
    assert (ended["status"], "broken" in ended["turns"][0]["reason"]) == ("escalated", True)
    shop.tasks.message_task("a", "again", of="desk")
    assert [turn["status"] for turn in shop.settled("a")["turns"]] == ["escalated"] * 2


class Plain(TypedDict, total=False):
    message: str
    reply: str


def test_a_graph_of_the_users_own_may_fail_or_answer(saver):
    def node(state: Plain) -> Plain:
        if state["message"] == "bad":
            raise ValueError("broken")
        return {"reply": "fine"}

    graph = StateGraph(Plain).add_node("n", node).add_edge(START, "n").add_edge("n", END)
    shop = Shop(saver)
    shop.tasks = Background({"own": graph}, checkpointer=saver)
    shop.tasks.start_task("own", "bad", id="a", of="desk")
    ended = shop.settled("a")
    assert (ended["status"], ended["turns"][0]["reason"]) == ("failed", "ValueError: broken")
    shop.tasks.message_task("a", "good", of="desk")
    ended = shop.settled("a")
    assert (ended["status"], ended["turns"][1]["answer"]["reply"]) == ("done", "fine")


def test_a_task_whose_graph_has_changed_under_it_is_not_done(saver):
    class Asked(TypedDict, total=False):
        message: str

    def graph(node: str) -> Any:
        made = StateGraph(Asked).add_node(node, lambda state: {"message": interrupt("go on?")})
        return made.add_edge(START, node).add_edge(node, END)

    old = Background({"worker": graph("ask")}, checkpointer=saver)
    old.start_task("worker", "look", id="one", of="desk")
    assert settled(old, "one")["status"] == "waiting"
    new = Background({"worker": graph("inquire")}, checkpointer=saver)
    (turn,) = settled(new, "one")["turns"]
    assert (turn["status"], "ask: the run waits for an answer" in turn["reason"]) == (
        "failed",
        True,
    )


def test_a_graph_with_messages_is_told_by_one(saver):
    model = ScriptedModel(["meow"])

    def node(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("n", node).add_edge(START, "n").add_edge("n", END)
    shop = Shop(saver)
    shop.tasks = Background({"own": graph}, checkpointer=saver)
    shop.tasks.start_task("own", "cats?", id="a", of="desk")
    assert shop.settled("a")["turns"][0]["answer"] == "meow"
    assert model.calls[0].messages[-1].text == "cats?"


def test_a_task_waits_for_a_person_and_takes_the_answer(shop, saver):
    shop.tasks.start_task("payer", "pay", id="a", of="desk")
    waits = shop.settled("a")
    assert (waits["status"], waits["question"]["packet"]["action"]) == ("waiting", "pay")
    with pytest.raises(AnswerRefused):
        shop.tasks.answer_task("a", approve(by="eve"), of="desk")
    assert shop.settled("a")["status"] == "waiting"
    ended = shop.tasks.answer_task("a", approve(by="maria"), of="desk")
    assert (ended["status"], shop.paid) == ("done", [7])
    assert ended["turns"][0]["actions"] == {"pay:7": "done"}
    with pytest.raises(AnswerRefused, match="waits for nobody"):
        shop.tasks.answer_task("a", approve(by="maria"), of="desk")


def test_a_no_ends_the_task_as_rejected(shop):
    shop.tasks.start_task("payer", "pay", id="a", of="desk")
    shop.settled("a")
    ended = shop.tasks.answer_task("a", reject(by="maria"), of="desk")
    assert (ended["status"], shop.paid) == ("rejected", [])


def test_a_cancelled_task_does_nothing_more(shop, saver):
    shop.tasks.start_task("slow", "cats", id="a", of="desk")
    shop.tasks.message_task("a", "dogs", of="desk")
    assert shop.busy.wait(5)
    view = shop.tasks.cancel_task("a", of="desk", why="not needed")
    assert view["status"] == "cancelled"
    assert view["turns"][0]["reason"] == "cancelled by its manager: not needed"
    assert view["turns"][0]["spent"]["steps"] == 1
    assert [stop.name for stop in stops(saver)] == ["desk/a"]
    shop.go.set()
    assert shop.settled("a")["status"] == "cancelled"
    assert shop.heard in ([], ["cats"])  # what was at work ended; its follow-up never began
    with pytest.raises(RunError, match="was cancelled"):
        shop.tasks.message_task("a", "more", of="desk")
    assert shop.tasks.cancel_task("a", of="desk", why="again")["turns"] == view["turns"]


def test_a_cancelled_question_can_not_be_answered(shop):
    shop.tasks.start_task("payer", "pay", id="a", of="desk")
    shop.settled("a")
    shop.tasks.cancel_task("a", of="desk", why="not needed")
    with pytest.raises(AnswerRefused):
        shop.tasks.answer_task("a", approve(by="maria"), of="desk")
    assert shop.paid == []


def test_an_ended_task_is_not_cancelled(shop):
    shop.tasks.start_task("quick", "cats", id="a", of="desk")
    shop.settled("a")
    assert shop.tasks.cancel_task("a", of="desk", why="late")["status"] == "done"


def test_a_limit_holds_for_all_turns(shop):
    shop.tasks.start_task("quick", "cats", id="a", of="desk", limit={"steps": 2})
    for text in ("dogs", "birds"):
        shop.tasks.message_task("a", text, of="desk")
    statuses = [turn["status"] for turn in shop.settled("a")["turns"]]
    assert (statuses, len(shop.heard)) == (["done", "done", "exhausted"], 2)


def test_another_pool_of_the_same_database_finds_the_task(shop, saver):
    shop.tasks.start_task("quick", "cats", id="a", of="desk")
    shop.settled("a")
    assert Shop(saver).settled("a")["turns"][0]["answer"] == {"reply": "about cats"}


def test_two_pools_never_move_one_task_at_once(shop, saver):
    other = Shop(saver)
    shop.tasks.start_task("slow", "cats", id="a", of="desk")
    assert shop.busy.wait(5)
    assert other.tasks.check_task("a", of="desk")["status"] == "running"
    other.tasks.wait_tasks(["a"], of="desk", seconds=0.1)
    shop.go.set()
    other.go.set()
    assert shop.settled("a")["status"] == other.settled("a")["status"] == "done"
    assert (shop.heard, other.heard) == (["cats"], [])


def test_async_graphs_run_in_the_background_too(saver):
    async def agent(request: Any) -> dict[str, str]:
        return {"reply": "later"}

    shop = Shop(saver)
    shop.tasks = Background({"own": shop.single(agent)}, checkpointer=saver, awaits=True)
    shop.tasks.start_task("own", "cats", id="a", of="desk")
    assert shop.settled("a")["turns"][0]["answer"] == {"reply": "later"}


def test_an_agent_has_tasks_by_tools(shop, saver):
    shop.go.set()
    names = ["start_task", "check_task", "message_task", "cancel_task"]
    assert [tool.__name__ for tool in shop.tasks.tools()] == names

    def agent(request: Any, tools: Any) -> dict[str, Any]:
        begun = tools["start_task"](worker="slow", goal="cats")
        again = tools["start_task"](worker="slow", goal="cats")  # as after a crash
        assert begun["id"] == again["id"]
        shop.tasks.wait_tasks([begun["id"]], seconds=5)
        return {"view": tools["check_task"](id=begun["id"])}

    graph = shop.single(agent, tools=shop.tasks.tools())

    ended = start(graph.compile(checkpointer=saver), {"message": "go"}, thread="t")
    assert ended.status == "done", ended
    view = shop.settled(ended.results["work"]["view"]["id"], of="t")
    assert view["turns"][0]["answer"] == {"reply": "about cats"}


def test_a_chat_model_has_tasks_by_tools(shop, saver):
    model = ScriptedModel(
        [{"name": "start_task", "args": {"worker": "quick", "goal": "cats"}}, "It is under way."]
    )
    contract = Contract(goal="Help", needs=("message",), gives=str, tools=shop.tasks.tools())
    graph = create_single_agent(Worker(agent=model, contract=contract))

    ended = start(graph.compile(checkpointer=saver), {"message": "go"}, thread="t")
    assert ended.status == "done", ended
    assert "quick" in str(model.calls[0].tools)
    assert '"status":"running"' in model.calls[1].messages[-1].text


def test_what_cannot_run_in_the_background_is_refused(saver):
    graph = StateGraph(Plain).add_node("n", lambda state: {}).add_edge(START, "n")
    for graphs, checkpoints, words in (
        ({"a": graph}, InMemorySaver(), "keeps no journal"),
        ({}, saver, "no workers"),
        ({"a": graph.compile()}, saver, "same checkpointer"),
        ({"a": len}, saver, "give a StateGraph"),
    ):
        with pytest.raises(DesignError, match=words):
            Background(graphs, checkpointer=checkpoints)

    class Other(TypedDict, total=False):
        x: str

    silent = StateGraph(Other).add_node("n", lambda state: {}).add_edge(START, "n")
    with pytest.raises(DesignError, match="neither `message` nor"):
        Background({"a": silent}, checkpointer=saver)
    tasks = Background({"a": graph}, checkpointer=saver)
    with pytest.raises(DesignError, match="no background worker 'b'"):
        tasks.start_task("b", "x", of="desk")
    with pytest.raises(DesignError, match="give of="):
        tasks.start_task("a", "x")


def test_an_id_stands_for_one_task_and_no_other_gets_its_answer(shop):
    shop.tasks.start_task("quick", "cats", id="a", of="desk")
    assert shop.settled("a")["turns"][0]["answer"] == {"reply": "about cats"}
    with pytest.raises(RunError, match="'cats', and not for 'dogs'"):
        shop.tasks.start_task("quick", "dogs", id="a", of="desk")
    assert shop.tasks.start_task("quick", "cats", id="a", of="desk")["status"] == "done"
    with pytest.raises(DesignError, match="no '/'"):
        shop.tasks.start_task("quick", "cats", id="a/b", of="desk")


class Pair(TypedDict, total=False):
    message: str
    one: str
    two: str


def both_asking() -> Any:
    graph = StateGraph(Pair)
    graph.add_node("a", lambda state: {"one": interrupt("one?")})
    graph.add_node("b", lambda state: {"two": interrupt("two?")})
    return graph.add_edge(START, "a").add_edge(START, "b")


def test_a_task_with_two_questions_is_answered_one_by_one(shop, saver):
    shop.tasks = Background({"own": both_asking()}, checkpointer=saver)
    shop.tasks.start_task("own", "go", id="a", of="desk")
    first = shop.settled("a")["question"]
    assert shop.tasks.answer_task("a", "yes", of="desk")["question"]["packet"] == "two?"
    with pytest.raises(AnswerRefused, match="look at it again"):
        shop.tasks.answer_task("a", "no", of="desk", question=first)
    [turn] = shop.tasks.answer_task("a", "no", of="desk")["turns"]
    assert (turn["answer"]["one"], turn["answer"]["two"]) == ("yes", "no")


@pytest.mark.parametrize("pools", [1, 2])
def test_of_two_answers_at_once_one_is_refused(pools, shop, saver):
    shop.tasks.start_task("payer", "pay", id="a", of="desk")
    shop.settled("a")
    tasks = [shop.tasks, shop.tasks if pools == 1 else Shop(saver).tasks]
    together, fates = threading.Barrier(2), []

    def give(at: int, answer: Any) -> None:
        together.wait(5)
        try:
            tasks[at].answer_task("a", answer, of="desk")
            fates.append(answer.answer)
        except AnswerRefused:
            fates.append("refused")

    answers = (approve(by="maria"), reject(by="maria"))
    threads = [threading.Thread(target=give, args=each) for each in enumerate(answers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    ended = shop.settled("a")["status"]
    taken = "approve" if ended == "done" else "reject"
    assert sorted(fates) == sorted(["refused", taken])


def test_a_task_that_fails_after_the_answer_has_failed(shop, saver):
    def node(state: Plain) -> Plain:
        raise ValueError(f"broken by {interrupt('sure?')}")

    graph = StateGraph(Plain).add_node("n", node).add_edge(START, "n")
    shop.tasks = Background({"own": graph}, checkpointer=saver)
    shop.tasks.start_task("own", "go", id="a", of="desk")
    shop.settled("a")
    [turn] = shop.tasks.answer_task("a", "yes", of="desk")["turns"]
    assert (turn["status"], turn["reason"]) == ("failed", "ValueError: broken by yes")


def named(saver: Any, agent: Any) -> Any:
    terms = Contract(goal="Work", needs=("message",))
    graph = create_single_agent(Worker(agent=agent, contract=terms))
    return graph.compile(checkpointer=saver, name="digger")


def test_a_task_of_a_stopped_graph_goes_on_once_that_is_released(shop, saver):
    app = named(saver, shop.quick)
    tasks = Background({"digger": app}, checkpointer=saver)
    stop(saver, graph="digger", by="tom", why="a bad prompt")
    assert tasks.start_task("digger", "cats", id="a", of="desk")["status"] == "stopped"
    assert settled(tasks, "a")["status"] == "stopped"
    release(saver, graph="digger", by="tom")
    assert settled(tasks, "a")["status"] == "done"
    assert shop.heard == ["cats"]


def test_a_task_that_a_stop_cuts_off_goes_on_once_it_is_released(saver):
    paid: list[int] = []

    def pay(amount: int) -> str:
        """Pay an amount."""
        paid.append(amount)
        return "paid"

    def payer(request: Any, tools: Any) -> dict[str, str]:
        if not paid and not stops(saver):
            stop(saver, graph="digger", by="tom", why="a bad prompt")
        return {"said": str(tools["pay"](amount=7))}

    terms = Contract(goal="Pay", needs=("message",), tools=(effect(pay, key="pay:{amount}"),))
    graph = StateGraph(OrchestrationState).add_node("pay", Worker(agent=payer, contract=terms))
    app = graph.add_edge(START, "pay").compile(checkpointer=saver, name="digger")
    tasks = Background({"digger": app}, checkpointer=saver)
    tasks.start_task("digger", "pay", id="a", of="desk")
    assert settled(tasks, "a")["status"] == "stopped"
    paid.append(0)
    release(saver, graph="digger", by="tom")
    assert settled(tasks, "a")["turns"][0]["answer"] == {"said": "paid"}
    assert paid == [0, 7]


def test_a_manager_whose_task_is_stopped_is_resumed_once_it_is_released(shop, saver):
    def lead(request: Any, ledger: Ledger) -> Any:
        if not ledger.steps:
            return [Step(id="deep", goal="cats", assignee="digger")]
        return {"said": ledger.results["deep"]} if not ledger.tasks else []

    tasks = Background({"digger": named(saver, shop.quick)}, checkpointer=saver)
    boss = Manager(agent=lead, contract=Contract(goal="G", needs=("message",), gives=Any))
    graph = create_manager_worker(boss, {}, background=tasks)
    app = graph.compile(checkpointer=saver, name="boss")
    stop(saver, graph="digger", by="tom", why="a bad prompt")
    with pytest.raises(Stopped, match=r"the background task 'deep' .* resume this run"):
        start(app, {"message": "x"}, thread="m")
    with pytest.raises(Stopped):
        resume(app, thread="m")
    release(saver, graph="digger", by="tom")
    assert resume(app, thread="m").outcome.status == "done"
    assert shop.heard == ["cats"]
