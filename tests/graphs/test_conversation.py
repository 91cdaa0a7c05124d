"""Test conversations: a question is an outcome of its own, and its answer finds who has asked."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import StateGraph

from quintet.checks import check
from quintet.errors import ContractBroken, DesignError, RunError
from quintet.graphs import create_handoff, create_parallel, create_sequential, create_single_agent
from quintet.nodes import (
    ApprovalGate,
    Choice,
    Planner,
    Question,
    Recovery,
    Reply,
    Router,
    Worker,
    fallback,
)
from quintet.runs import approve, look, resume, start
from quintet.state import Contract, ConversationState, OrchestrationState, Step, checkpointer
from quintet.state.messages import MESSAGES_KEPT
from quintet.state.questions import OPEN_FOR
from quintet.state.savers.saver import Saver
from tests.graphs.desks import HASTY, SAVERS, WAYS, kinds, reason, run, saver
from tests.graphs.talks import (
    PAID,
    PAYING,
    Talk,
    crew,
    desk,
    door,
    paying,
    repair,
    say,
    so_far,
    spoken,
    worker,
)


@pytest.fixture(autouse=True)
def _nothing_paid() -> None:
    PAID.clear()


def compiled(graph: StateGraph[Any] | None = None) -> Any:
    return (graph or desk()).compile(checkpointer=checkpointer("memory://"))


@pytest.mark.parametrize("kind", SAVERS[1:])
@pytest.mark.parametrize("way", WAYS)
async def test_the_answer_to_a_question_goes_to_who_has_asked(way: str, kind: str, tmp_path: Any):
    with saver(kind, tmp_path) as kept:
        app = desk().compile(checkpointer=kept)
        asked = await say(app, way, "I was charged twice")
        assert (asked.status, asked.waiting) == ("asked", ())
        assert reason(asked) == "billing asks the customer: Which order is it?"
        assert asked.outcome is not None
        assert asked.outcome.evidence["questions"] == {"billing": "Which order is it?"}
        assert kinds(asked) == ["route", "question", "outcome"]
        ended = await say(app, way, "it is 1042")
    assert (ended.status, ended.results["billing"]) == ("done", {"reply": "refunded 1042"})
    assert ended.path == ("router", "billing", "finish")
    route = ended.decisions[0]
    assert (route.choice, route.who) == ("billing", "asked")
    assert spoken(ended) == [
        "user: I was charged twice",
        "billing: Which order is it?",
        "user: it is 1042",
        "billing: refunded 1042",
    ]


async def test_a_graph_of_a_conversation_has_no_finding():
    assert check(desk()) == ()


async def test_a_new_request_in_the_middle_goes_elsewhere_and_the_question_stays_open():
    app = compiled()
    await say(app, "sync", "I was charged twice")
    other = await say(app, "sync", "my kettle is broken")
    assert other.results["technical"] == {"reply": "try another socket"}
    assert "a new request, while billing waits" in other.decisions[0].reason
    ended = await say(app, "sync", "1042")
    assert ended.results["billing"] == {"reply": "refunded 1042"}


async def test_a_question_is_open_for_some_runs_and_no_longer():
    app = compiled()
    await say(app, "sync", "I was charged twice")
    for _ in range(OPEN_FOR):
        ended = await say(app, "sync", "my kettle is broken")
        assert ended.values["questions"]
    late = await say(app, "sync", "1042")
    assert (late.status, reason(late)) == ("escalated", "the chooser abstained")
    assert late.values["questions"] == {}


async def test_an_answered_question_is_over():
    app = compiled()
    await say(app, "sync", "I was charged twice")
    await say(app, "sync", "1042")
    after = await say(app, "sync", "1043")
    assert (after.status, reason(after)) == ("escalated", "the chooser abstained")


async def test_who_answers_what_was_asked_last_is_heard_by_who_asked_last():
    app = compiled(desk(workers=crew(technical=worker(lambda r: Question(text="Which kettle?")))))
    await say(app, "sync", "I was charged twice")
    await say(app, "sync", "my kettle is broken")
    answer = await say(app, "sync", "1042")
    assert answer.path == ("router", "technical", "finish")


async def test_a_customer_is_asked_as_often_as_the_contract_says_and_then_a_person_takes_over():
    app = compiled()
    statuses = [(await say(app, "sync", text)).status for text in ("refund!", "hm", "no idea")]
    assert statuses == ["asked", "asked", "escalated"]
    assert "asked 2 times in a row" in reason(look(app, thread="t"))


async def test_questions_in_a_row_are_counted_anew_after_a_result():
    app = compiled()
    for _ in range(3):
        assert (await say(app, "sync", "refund!")).status == "asked"
        assert (await say(app, "sync", "1042")).status == "done"


async def test_a_worker_that_may_not_ask_ends_at_a_person_and_never_done():
    asking = worker(lambda request: Question(text="Which?"), questions=0)
    ended = await say(compiled(desk(workers=crew(technical=asking))), "sync", "kettle")
    assert ended.status == "escalated"
    assert "may not ask the customer 'Which?'" in reason(ended)


def test_an_empty_question_is_refused():
    with pytest.raises(ContractBroken, match="say what the customer is asked"):
        Question(text=" ")


def test_a_state_that_does_not_keep_who_waits_is_refused():
    with pytest.raises(DesignError, match="let the state inherit ConversationState"):
        desk(state=OrchestrationState)


def test_questions_in_a_contract_are_a_number():
    with pytest.raises(DesignError, match="questions=True"):
        Contract(goal="Help", needs=("message",), questions=True)


async def test_neither_questions_nor_turns_come_from_outside():
    app = compiled()
    for forged in ({"questions": {"billing": {"left": 1}}}, {"messages": []}):
        with pytest.raises(RunError, match="only nodes may write"):
            start(app, {"message": "hm", **forged}, thread="t")
    # LangGraph's own door takes the input, and the channel leaves it out.
    question = {"technical": {"text": "?", "about": "", "times": 1, "left": 3}}
    config = {"configurable": {"thread_id": "u"}}
    end = app.invoke({"message": "hm", "questions": question}, config)
    assert end["outcome"]["status"] == "escalated"


async def test_a_conversation_goes_on_through_langgraphs_own_door():
    app, config = compiled(), {"configurable": {"thread_id": "t"}}
    assert app.invoke({"message": "I was charged twice"}, config)["outcome"]["status"] == "asked"
    end = await app.ainvoke({"message": "1042"}, config)
    assert end["results"]["billing"] == {"reply": "refunded 1042"}


async def test_a_conversation_goes_on_in_another_process(tmp_path: Any):
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    for message, status in (("I was charged twice", "asked"), ("1042", "done")):
        with checkpointer(url) as kept:
            assert start(desk().compile(checkpointer=kept), {"message": message}, thread="t").status
            assert look(desk().compile(checkpointer=kept), thread="t").status == status


async def test_two_conversations_at_once_are_two():
    app = compiled()
    threads = [f"t{number}" for number in range(5)]
    await asyncio.gather(*(say(app, "async", "refund!", thread=each) for each in threads))
    ended = await asyncio.gather(
        *(say(app, "async", f"104{number}", thread=each) for number, each in enumerate(threads))
    )
    assert [run.results["billing"]["reply"] for run in ended] == [
        f"refunded 104{number}" for number in range(5)
    ]


def gated() -> StateGraph[Any]:
    gate = ApprovalGate(approvers=("maria",))
    return desk(workers=crew(billing=worker(paying, tools=(PAYING,))), handoffs={}, gate=gate)


async def test_a_message_while_a_person_is_asked_is_refused_with_the_remedy():
    app = compiled(gated())
    await say(app, "sync", "refund!")
    waits = await say(app, "sync", "1042")
    assert waits.status == "waiting"
    with pytest.raises(RunError, match=r"waits for an answer at approve.*withdraw=True"):
        await say(app, "sync", "and 1043?")
    ended = waits.answer(approve(by="maria"))
    assert (ended.status, PAID) == ("done", ["1042"])
    assert spoken(ended)[2] == "user: 1042"


async def test_a_withdrawn_proposal_is_never_done_and_the_talk_goes_on():
    app = compiled(gated())
    await say(app, "sync", "refund!")
    await say(app, "sync", "1042")
    other = start(app, {"message": "my kettle"}, thread="t", withdraw=True)
    assert (other.status, PAID) == ("done", [])


class Killed(BaseException):
    """The end of the process."""


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the process end before one of the writes of the database, counted from 1; 0 for none."""
    left = [0]

    def broken(name: str) -> None:
        whole = getattr(Saver, name)

        def write(self: Any, *args: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return whole(self, *args, **options)

        monkeypatch.setattr(Saver, name, write)

    for name in ("put", "put_writes"):
        broken(name)

    def at(number: int) -> None:
        left[0] = number

    return at


def test_a_process_that_ends_within_a_turn_loses_neither_question_nor_answer(
    dying: Any, tmp_path: Any
):
    for turn in (0, 1):
        died = _die_everywhere(turn, dying, tmp_path / str(turn))
        assert died >= 5


def _die_everywhere(turn: int, dying: Any, folder: Any) -> int:
    """End the process before each write of one of the two turns; return the number of writes."""
    folder.mkdir()
    for number in range(1, 100):
        url = f"sqlite:///{folder / f'{number}.db'}"
        killed = False
        for at, message in enumerate(("refund!", "1042")):
            with checkpointer(url) as kept:
                app = gated_freely().compile(checkpointer=kept)
                dying(number if at == turn else 0)
                try:
                    start(app, {"message": message}, thread="t", durability="sync")
                except Killed:
                    killed = True
                dying(0)
            if killed and at == turn:
                with checkpointer(url) as kept:
                    _recover(gated_freely().compile(checkpointer=kept), message)
        with checkpointer(url) as kept:
            ended = look(gated_freely().compile(checkpointer=kept), thread="t")
        assert (ended.status, PAID) == ("done", ["1042"]), number
        assert [turn for turn in spoken(ended) if turn.startswith("user")] == [
            "user: refund!",
            "user: 1042",
        ]
        PAID.clear()
        if not killed:
            return number
    raise AssertionError("it never ended")


def gated_freely() -> StateGraph[Any]:
    return desk(workers=crew(billing=worker(paying, tools=(PAYING,))), handoffs={})


def _recover(app: Any, message: str) -> None:
    try:
        run = look(app, thread="t")
    except RunError:
        run = None
    if run is None or (run.finished and run.values.get("message") != message):
        start(app, {"message": message}, thread="t")  # its input was never saved
    elif not run.finished:
        resume(app, thread="t")


def inner(**options: Any) -> Any:
    return desk(**options).compile()


def outer(node: Any, **options: Any) -> StateGraph[Any]:
    router = Router(choose=choose, to=("desk", "other"), otherwise="person")
    workers = {"desk": node, "other": worker(repair, questions=0)}
    return create_handoff(router, workers, **{"state": ConversationState, **options})


def choose(text: str) -> str | None:
    return "desk" if "refund" in text else "other" if "kettle" in text else None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("as_agent", [False, True], ids=["subgraph", "agent"])
async def test_a_nested_conversation_asks_and_is_answered_through_the_outer_graph(
    as_agent: bool, way: str
):
    nested = (
        Worker(agent=inner(), contract=Contract(goal="Help", needs=Talk, questions=3))
        if as_agent
        else inner()
    )
    app = compiled(outer(nested))
    asked = await say(app, way, "refund!")
    assert (asked.status, asked.path) == ("asked", ("router", "desk", "finish"))
    assert asked.outcome is not None
    assert asked.outcome.evidence["questions"] == {"billing": "Which order is it?"}
    between = await say(app, way, "my kettle")
    assert between.status == "done"
    assert "other" in between.path
    ended = await say(app, way, "1042")
    assert ended.status == "done", ended
    results = ended.results["desk"]["results"] if as_agent else ended.results
    assert results["billing"] == {"reply": "refunded 1042"}
    assert ended.path == ("router", "desk", "finish")
    after = await say(app, way, "1043")
    assert after.status == "escalated"


async def test_a_nested_conversation_whose_contract_may_not_ask_is_never_done():
    nested = Worker(agent=inner(), contract=Contract(goal="Help", needs=Talk))
    ended = await say(compiled(outer(nested)), "sync", "refund!")
    assert ended.status == "escalated"
    assert "the agent's own run ended asked" in reason(ended)


async def test_a_question_in_a_sequence_ends_the_run_as_asked():
    workers = {"first": worker(lambda r: Question(text="Which?")), "second": worker(repair)}
    graph = create_sequential(workers, state=ConversationState)
    ended = await say(compiled(graph), "sync", "hm")
    assert (ended.status, ended.path) == ("asked", ("first", "finish"))


async def test_a_single_agent_may_hold_a_conversation():
    app = compiled(create_single_agent(worker(paying, tools=(PAYING,)), state=ConversationState))
    assert (await say(app, "sync", "refund!")).status == "asked"
    assert (await say(app, "sync", "1042")).status == "done"
    assert PAID == ["1042"]


def planned(steps: tuple[Step, ...], **options: Any) -> Any:
    planner = Planner(make=lambda goal: steps, assignees=("billing", "technical"))
    router = door(choose=lambda text: "plan" if "both" in text else None, to=("plan",))
    return compiled(desk(router=router, workers={**crew(), "plan": planner}, **options))


@pytest.mark.parametrize("way", WAYS)
async def test_a_step_of_a_plan_asks_and_the_rest_of_the_plan_is_done(way: str):
    app = planned(
        (
            Step(id="one", goal="refund", assignee="billing", inputs={"message": "refund!"}),
            Step(id="two", goal="repair", assignee="technical", inputs={"message": "kettle"}),
        )
    )
    asked = await say(app, way, "both")
    assert asked.status == "asked"
    assert asked.results == {"two": {"reply": "try another socket"}}
    ended = await say(app, way, "1042")
    assert (ended.status, ended.results) == ("done", {"one": {"reply": "refunded 1042"}})


@pytest.mark.parametrize("way", WAYS)
async def test_two_steps_that_ask_at_once_are_both_answered(way: str):
    app = planned(
        tuple(
            Step(id=f"s{n}", goal="refund", assignee="billing", inputs={"message": f"part {n}"})
            for n in (1, 2)
        )
    )
    asked = await say(app, way, "both")
    assert asked.status == "asked"
    assert len(asked.values["questions"]) == 2
    ended = await say(app, way, "1042")
    assert (ended.status, sorted(ended.results)) == ("done", ["s1", "s2"])


async def test_a_worker_that_fails_on_the_answer_hands_the_question_to_its_fallback():
    heard: list[str] = []

    def breaks(request: Talk) -> Any:
        if request["asked"]:
            raise KeyError("broken")
        return Question(text="Which order is it?")

    def basic(request: Talk) -> Any:
        heard.append(so_far(request))
        return {"reply": "a colleague looks"}

    app = compiled(
        desk(
            workers=crew(billing=worker(breaks), basic=worker(basic)),
            recover=Recovery(permanent=fallback("basic"), unknown=fallback("basic")),
        )
    )
    await say(app, "sync", "refund!")
    ended = await say(app, "sync", "1042")
    assert (ended.status, heard) == ("done", ["refund! 1042"])


async def test_an_action_that_was_proposed_before_the_question_is_decided_first():
    def proposes_and_asks(request: Talk, tools: Any) -> Any:
        tools.pay(order="1")
        return Question(text="And which is the other order?")

    app = compiled(
        desk(
            workers=crew(billing=worker(proposes_and_asks, tools=(PAYING,))),
            handoffs={},
            gate=ApprovalGate(approvers=("maria",)),
        )
    )
    waits = await say(app, "sync", "refund!")
    assert waits.status == "waiting"
    ended = waits.answer(approve(by="maria"))
    assert (ended.status, PAID) == ("asked", ["1"])
    assert "done: pay:1" in reason(ended)


async def test_who_waits_may_be_one_that_no_route_leads_to():
    app = compiled()
    asked = await say(app, "sync", "refund for parcel 1042")
    assert (asked.status, asked.path) == ("asked", ("router", "billing", "shipping", "finish"))
    ended = await say(app, "sync", "postcode 9000")
    assert ended.path == ("router", "shipping", "finish")
    assert ended.results["shipping"] == {"reply": "parcel 1042 is on its way"}


async def test_a_chooser_of_its_own_recognises_new_requests_and_knows_the_question():
    heard: list[Any] = []

    def only_shouted(text: Reply) -> Choice | None:
        heard.append((text, text.question, text.waits))
        return Choice(to="technical") if text.isupper() else None

    app = compiled(desk(router=door(new_request=only_shouted)))
    await say(app, "sync", "refund!")
    assert heard == []
    calm = await say(app, "sync", "the kettle")
    assert calm.path == ("router", "billing", "finish")
    assert heard == [("the kettle", "Which order is it?", "billing")]
    loud = await say(app, "sync", "THE KETTLE")
    assert loud.path == ("router", "technical", "finish")


def test_a_chooser_of_new_requests_names_routes_only():
    with pytest.raises(DesignError, match="new_request"):
        door(new_request="billing")


async def test_who_waits_and_is_gone_is_not_gone_to():
    # The graph of the second turn has lost the worker: nothing leads into nowhere.
    kept = checkpointer("memory://")
    await say(desk().compile(checkpointer=kept), "sync", "refund!")
    workers = {"technical": worker(repair, questions=0)}
    router = Router(choose=lambda text: None, to=("technical",), otherwise="person")
    app = create_handoff(router, workers, state=ConversationState).compile(checkpointer=kept)
    ended = await say(app, "sync", "1042")
    assert (ended.status, ended.path) == ("escalated", ("router", "person"))


async def test_what_is_kept_of_a_conversation_is_bounded():
    app = compiled()
    sizes = []
    for number in range(30):
        run = await say(app, "sync", f"my kettle number {number % 10} " + "is broken " * 200)
        sizes.append((len(run.values["messages"]), len(str(run.values))))
    assert sizes[-1][0] == MESSAGES_KEPT
    assert abs(sizes[-1][1] - sizes[-10][1]) < 200


async def test_a_person_who_takes_over_leaves_the_customers_words_on_record():
    app = compiled()
    ended = await say(app, "sync", "hm")
    assert (ended.status, spoken(ended)) == ("escalated", ["user: hm"])


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "1042"}],
        [HumanMessage("1042")],
        [{"role": "assistant", "content": "Which?"}, HumanMessage("1042")],
        [("user", "1042")],
        "1042",
    ],
)
async def test_what_the_customer_says_under_messages_is_refused_and_not_passed_over(messages):
    app, config = compiled(), {"configurable": {"thread_id": "t"}}
    app.invoke({"message": "I was charged twice"}, config)
    with pytest.raises(DesignError, match="'message'"):
        app.invoke({"messages": messages}, config)
    end = app.invoke({"message": "1042"}, config)
    assert end["results"]["billing"] == {"reply": "refunded 1042"}


async def test_a_conversation_may_be_brought_along_with_its_next_message():
    app, config = compiled(), {"configurable": {"thread_id": "t"}}
    before = [HumanMessage("hello"), AIMessage("How can I help?")]
    end = app.invoke({"messages": before, "message": "I was charged twice"}, config)
    assert end["outcome"]["status"] == "asked"
    assert [turn["content"] for turn in end["messages"]][:2] == ["hello", "How can I help?"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fails", [False, True])
async def test_a_question_to_the_customer_wins_no_race(way: str, fails: bool):
    asked = threading.Event()

    def asks(request: Any) -> Question:
        asked.set()
        return Question(text="Which order is it?")

    def answers(request: Any) -> dict[str, Any]:
        assert asked.wait(10)
        if fails:
            raise ValueError("no")
        return {"said": "here"}

    pair = {"asks": worker(asks, questions=1), "answers": worker(answers)}
    graph = create_parallel(pair, join="first", state=ConversationState, recover=HASTY)
    ended = await run(graph, way, message="m")
    if fails:  # nobody else has a result: the customer is asked
        assert (ended.status, ended.results) == ("asked", {})
        assert reason(ended) == "asks asks the customer: Which order is it?"
        return
    assert (ended.status, ended.results) == ("done", {"answers": {"said": "here"}})
    assert "cut: asks" in [decision.choice for decision in ended.decisions]
    assert ended.values.get("questions", {}) == {}
    assert "question" not in kinds(ended)
