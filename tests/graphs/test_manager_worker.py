"""Test a manager and its workers: rounds, nesting, one budget, approvals, stalls, failures."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from quintet.graphs import check, create_manager_worker, create_single_agent
from quintet.nodes import (
    ApprovalGate,
    Handoff,
    Ledger,
    Manager,
    Planner,
    Question,
    Recovery,
    Worker,
    effect,
    escalate,
    fallback,
    per_million,
    replan,
    retry,
)
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.pool import pools_of, take_step
from quintet.nodes.core.task import Task
from quintet.runs import approve, reject, start
from quintet.state import (
    Budget,
    BudgetExhausted,
    Contract,
    ContractBroken,
    DesignError,
    OrchestrationState,
    Plan,
    Step,
    checkpointer,
    unmet,
)
from quintet.testing import ScriptedModel, crashpoints
from tests.graphs.desks import WAYS, always, kinds, reason, run

Lead = Callable[[Any, Ledger], Any]


class Answer(TypedDict):
    text: str


def found(request: Any) -> dict[str, Any]:
    """Answer with what was asked, as a worker of these tests does."""
    return {"found": request["message"]}


def worker(agent: Any = found, **contract: Any) -> Worker:
    terms = {"goal": "Find", "needs": ("message",)} | contract
    return Worker(agent=agent, contract=Contract(**terms))


def manager(lead: Any, **options: Any) -> Manager:
    own = {name: options.pop(name) for name in ("rounds", "most", "price") if name in options}
    contract = Contract(**{"goal": "Answer", "needs": ("message",)} | options)
    return Manager(agent=lead, contract=contract, **own)


def team(lead: Any, workers: Any = None, **options: Any) -> Any:
    """Make a team; `gate`, `recover` and `deadline` are the graph's, the rest its manager's."""
    graph = {n: options.pop(n) for n in ("gate", "recover", "deadline") if n in options}
    boss = manager(lead, **options)
    return create_manager_worker(boss, workers or {"find": worker()}, **graph)


def step(name: str, goal: str = "", to: str = "find", **more: Any) -> Step:
    return Step(id=name, goal=goal or f"goal {name}", assignee=to, **more)


def once(*steps: Step) -> Lead:
    """Give these steps out, and answer with all results."""

    def lead(request: Any, ledger: Ledger) -> Any:
        return dict(ledger.results) if ledger.steps else list(steps)

    return lead


# As a function, without a graph.


def test_as_a_function_it_sends_steps_to_its_workers():
    boss = Manager(
        agent=once(step("a"), step("b", after=("a",))),
        contract=Contract(goal="Answer", needs=("message",)),
        team={"find": "Find"},
    )
    went = boss({"message": "hi", "results": {}})
    assert isinstance(went, Command)
    [sent] = went.goto
    assert sent.node == "find"
    assert sent.arg["message"] == "goal a"  # a worker's message is its step's goal
    assert sent.arg["step"]["planner"] == "manager"
    assert [s["id"] for s in went.update["plan"]["steps"]] == ["a", "b"]


@pytest.mark.parametrize("sends_out", ["manager", "planner"])
def test_work_of_another_run_is_not_gone_on_with(sends_out):
    contract = Contract(goal="Answer", needs=("message",))
    node: Any = {
        "manager": Manager(agent=once(step("a")), contract=contract, team={"find": "Find"}),
        "planner": Planner(make=Plan(goal="g", steps=(step("a"),)), assignees=("find",)),
    }[sends_out]
    given = {"message": "hi", "results": {}, "run": {"id": "r1"}}
    went = node(given)
    again = {**given, "kept": went.update["kept"], "results": {"a": 1}}
    assert node(again).goto != went.goto
    with pytest.raises(ContractBroken, match="that of run r1, and this is run r2"):
        node({**again, "run": {"id": "r2"}})
    # One that a nested graph left unfinished, where the run around it comes to it once more.
    [(at, note)] = went.update["kept"].items()
    left = {**again, "kept": {at: {**note, "run": "r2.a"}}}
    assert node({**left, "run": {"id": "r2.b"}}).goto != went.goto
    with pytest.raises(ContractBroken):
        node({**left, "run": {"id": "r3.b"}})


def test_it_compares_and_says_where_it_may_go():
    one, other = (Manager(agent=once, contract=Contract(goal="A", needs=())) for _ in range(2))
    assert one == other
    assert one.destinations == ("finish", "person")


def test_what_a_manager_cannot_be_is_refused():
    contract = Contract(goal="A", needs=())
    for options, words in (
        ({"agent": "gpt", "contract": contract}, "give a function"),
        ({"agent": once, "contract": "A"}, "give a Contract"),
        (
            {"agent": once, "contract": Contract(goal="A", needs=(), tools=(found,))},
            "calls no tools",
        ),
        (
            {"agent": once, "contract": Contract(goal="A", needs=(), budget=Budget(handoffs=1))},
            "passes nothing on",
        ),
        (
            {"agent": once, "contract": Contract(goal="A", needs=(), budget=Budget(money=1))},
            "price",
        ),
        ({"agent": once, "contract": contract, "rounds": 0}, "1 or more"),
    ):
        with pytest.raises(DesignError, match=words):
            Manager(**options)


def test_what_a_team_cannot_be_is_refused():
    inner = team(once(step("a")))
    planner = Planner(make=lambda goal: [], assignees=("find",))
    for workers, words in (
        ({}, "no workers"),
        ({"manager": worker()}, "taken"),
        ({"desk": inner}, "compile the graph first"),
        ({"desk": planner}, "sends steps out itself"),
        ({"desk": manager(once())}, "sends steps out itself"),
    ):
        with pytest.raises(DesignError, match=words):
            create_manager_worker(manager(once()), workers)
    with pytest.raises(DesignError, match="give a Manager"):
        create_manager_worker(once, {"find": worker()})  # type: ignore[arg-type]


# In a graph.


@pytest.mark.parametrize("way", WAYS)
async def test_a_manager_gives_out_looks_and_answers(way):
    def lead(request: Any, ledger: Ledger) -> Any:
        if ledger.round == 1:
            return [step("a", "cats"), step("b", "dogs")]
        if ledger.round == 2:
            return step("c", "both", after=("a", "b"), to="join")
        return {"text": ledger.results["c"]["joined"]}

    def join(request: Any) -> dict[str, Any]:
        return {"joined": f"{request['a']['found']} and {request['b']['found']}"}

    workers = {"find": worker(), "join": worker(join, needs=("a", "b"))}
    ended = await run(team(lead, workers, gives=Answer), way, message="pets?")
    assert ended.status == "done"
    assert ended.results["manager"] == {"text": "cats and dogs"}
    assert ended.path == ("manager", "find", "find", "manager", "join", "manager", "finish")
    assert kinds(ended) == ["plan", "plan", "plan", "outcome"]
    assert ended.values["spent"]["steps"] == 3


@pytest.mark.parametrize("way", WAYS)
async def test_an_async_manager_with_async_workers(way):
    async def lead(request: Any, ledger: Ledger) -> Any:
        return ledger.results["a"] if ledger.steps else [step("a")]

    async def agent(request: Any) -> dict[str, Any]:
        return {"found": 1}

    if way == "async":
        assert (await run(team(lead, {"find": worker(agent)}), way, message="x")).status == "done"


async def test_steps_of_one_round_wait_for_each_other_without_a_new_decision():
    asked: list[int] = []

    def lead(request: Any, ledger: Ledger) -> Any:
        asked.append(ledger.round)
        if not ledger.steps:
            return [step("a"), step("b", after=("a",)), step("c", after=("b",))]
        return dict(ledger.results)

    ended = await run(team(lead), message="x")
    assert (ended.status, asked) == ("done", [1, 2])
    assert ended.path.count("find") == 3


async def test_an_answer_at_once_needs_no_step():
    ended = await run(team(lambda request, ledger: {"text": "hello"}), message="x")
    assert (ended.status, ended.path) == ("done", ("manager", "finish"))


async def test_a_node_of_the_users_own_works_for_a_manager():
    def own(state: OrchestrationState) -> dict[str, Any]:
        return {"results": {state["step"]["id"]: state["message"]}}

    ended = await run(team(once(step("a", "cats")), {"find": own}), message="x")
    assert (ended.status, ended.results["manager"]) == ("done", {"a": "cats"})


async def test_a_second_run_on_the_thread_begins_anew():
    app = team(once(step("a"))).compile(checkpointer=checkpointer("memory://"))
    for number in range(2):
        ended = start(app, {"message": str(number)}, thread="t")
        assert (ended.status, sorted(ended.results)) == ("done", ["a", "manager"])
        assert len(ended.values["plan"]["steps"]) == 1


def test_the_ready_made_graph_has_no_finding():
    inner = team(once(step("a"))).compile()
    gate = ApprovalGate(approvers=("maria",))
    pays = worker(found, tools=(effect(pay, key="pay:{amount}"),))
    saver = checkpointer("memory://")
    for graph in (
        team(once(step("a"))),
        team(once(step("a")), {"find": pays}, gate=gate),
        team(once(step("a", to="desk")), {"desk": inner, "find": worker()}),
    ):
        assert check(graph) == ()
        assert check(graph.compile(checkpointer=saver)) == ()


# Nested.


def nested(depth: int, lead: Any, workers: Any, **options: Any) -> Any:
    """Nest a team in teams, each of which passes its request on."""
    graph = team(lead, workers)
    for _ in range(depth):
        graph = team(once(step("down", to="desk")), {"desk": graph.compile()}, **options)
    return graph


@pytest.mark.parametrize("way", WAYS)
async def test_teams_within_teams_answer_with_their_managers_answers(way):
    graph = nested(2, once(step("a", "cats"), step("b", "dogs")), {"find": worker()})
    assert check(graph) == ()
    ended = await run(graph, way, message="pets")
    assert ended.status == "done"
    inner = {"a": {"found": "cats"}, "b": {"found": "dogs"}}
    assert ended.results["manager"] == {"down": {"down": inner}}
    assert ended.values["spent"]["steps"] == 2  # counted once, at any depth


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("depth", [0, 1, 2])
async def test_one_limit_holds_over_the_tree(depth, way):
    calls: list[int] = []

    def agent(request: Any) -> dict[str, Any]:
        calls.append(1)
        return {"found": 1}

    steps = [step(f"s{number}") for number in range(6)]
    graph = nested(depth, once(*steps), {"find": worker(agent)}, budget=Budget(steps=4))
    if depth == 0:
        graph = team(once(*steps), {"find": worker(agent)}, budget=Budget(steps=4))
    ended = await run(graph, way, message="x")
    assert (ended.status, len(calls)) == ("exhausted", 4)
    assert "steps: 4 of 4 spent" in reason(ended)
    assert ended.values["spent"]["steps"] == 4


def test_work_at_once_shares_what_is_left():
    limit = {"limit": {"tokens": 100}, "pool": "one", "planner": "manager"}
    [pool] = pools_of(limit)
    assert pools_of(limit) == (pool,)  # the same for all steps of the round
    one, other = (Attempt(task=Task(name), pools=(pool,)) for name in ("a", "b"))
    with one, other:
        take_step(other)
        one.spend(tokens=100)
        with pytest.raises(BudgetExhausted, match="manager: budget reached, tokens: 100 of 100"):
            take_step(other)
    assert other.spent["steps"] == 1


def in_turn(count: int) -> list[Step]:
    """Give steps that wait for each other."""
    names = [f"s{number}" for number in range(count)]
    return [step(name, after=tuple(names[:n][-1:])) for n, name in enumerate(names)]


async def test_money_is_counted_through_the_tree():
    model = ScriptedModel(lambda messages: "yes " * 100, usage=True)
    price = per_million(input=0, output=1e6 / 100)  # a hundredth a token
    inner = create_manager_worker(
        manager(once(*in_turn(5)), price=price), {"find": worker(model, gives=str)}
    ).compile()
    boss = manager(once(step("down", to="desk")), budget=Budget(money=2.5), price=price)
    ended = await run(create_manager_worker(boss, {"desk": inner}), message="x")
    assert (ended.status, len(model.calls)) == ("exhausted", 3)
    assert ended.values["spent"]["money"] == 3.0


def test_money_that_nobody_would_count_is_refused():
    inner = team(once(step("a"))).compile()
    boss = manager(once(), budget=Budget(money=1), price=per_million(input=1, output=1))
    with pytest.raises(DesignError, match="would spend uncounted"):
        create_manager_worker(boss, {"desk": inner})


@given(limit=st.integers(1, 9), widths=st.lists(st.integers(1, 4), min_size=1, max_size=3))
@settings(max_examples=15, deadline=None)
def test_no_tree_makes_more_calls_than_its_limit(limit, widths):
    calls: list[int] = []

    def agent(request: Any) -> dict[str, Any]:
        calls.append(1)
        return {"found": 1}

    graph: Any = None
    for depth, width in enumerate(reversed(widths)):
        to = "desk" if depth else "find"
        steps = [step(f"s{number}", to=to) for number in range(width)]
        member = {"desk": graph.compile()} if depth else {"find": worker(agent)}
        last = depth == len(widths) - 1
        graph = team(once(*steps), member, **({"budget": Budget(steps=limit)} if last else {}))
    whole = 1
    for width in widths:
        whole *= width
    app = graph.compile(checkpointer=checkpointer("memory://"))
    ended = start(app, {"message": "x"})
    assert len(calls) <= limit
    assert ended.status == ("done" if whole <= limit else "exhausted")


# A person.


def pay(amount: int) -> str:
    """Pay an amount."""
    PAID.append(amount)
    return "paid"


PAID: list[int] = []


def payer(request: Any, tools: Any) -> dict[str, Any]:
    return {"said": str(tools["pay"](amount=7))}


def paying_team(depth: int) -> Any:
    PAID.clear()
    pays = worker(payer, tools=(effect(pay, key="pay:{amount}"),))

    def lead(request: Any, ledger: Ledger) -> Any:
        return dict(ledger.actions) if ledger.steps else [step("p", to="payer"), step("a")]

    graph = team(lead, {"payer": pays, "find": worker()}, gate=ApprovalGate(approvers=("maria",)))
    for _ in range(depth):
        graph = team(
            once(step("down", to="desk"), step("beside")),
            {"desk": graph.compile(), "find": worker()},
        )
    return graph


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("depth", [0, 1, 2])
async def test_an_approval_reaches_the_person_from_any_depth(depth, way):
    waits = await run(paying_team(depth), way, message="pay")
    assert waits.status == "waiting"
    assert [w.packet["action"] for w in waits.waiting] == ["pay"]
    ended = (
        await waits.aanswer(approve(by="maria"))
        if way == "async"
        else waits.answer(approve(by="maria"))
    )
    assert (ended.status, PAID) == ("done", [7])
    # The manager decided after the person, on what had happened.
    answer = ended.results["manager"]
    for _ in range(depth):
        answer = answer["down"]
    assert answer == {"pay:7": "done"}
    assert ended.values["actions"]["pay:7"]["status"] == "done"


async def test_a_no_ends_the_run_as_rejected():
    waits = await run(paying_team(0), message="pay")
    ended = waits.answer(reject(by="maria", note="too much"))
    assert (ended.status, PAID) == ("rejected", [])
    assert "too much" in reason(ended)


async def test_a_no_deep_inside_is_no_done():
    waits = await run(paying_team(1), message="pay")
    ended = waits.answer(reject(by="maria", note="too much"))
    assert (ended.status, PAID) == ("escalated", [])
    assert "too much" in reason(ended)


def test_a_team_whose_effects_nobody_could_approve_is_refused():
    pays = worker(payer, tools=(effect(pay, key="pay:{amount}"),))
    inner = team(once(step("p", to="payer")), {"payer": pays}).compile()
    with pytest.raises(DesignError, match="no gate of its own"):
        team(once(step("d", to="desk")), {"desk": inner}, gate=ApprovalGate())


# The failure table: each has its declared outcome.


def answers_anyway(request: Any, ledger: Ledger) -> Any:
    if not ledger.steps:
        return [step("a"), step("b", to="bad")]
    return {"text": "; ".join(f"{name}: {why}" for name, why in ledger.problems.items())}


QUICK = Recovery(
    transient=(retry(2, wait=0), replan("manager", times=1)),
    contract=replan("manager", times=1),
    invalid=replan("manager", times=1),
    permanent=replan("manager", times=1),
    denied=replan("manager", times=1),
    unknown=replan("manager", times=1),
    timeout=replan("manager", times=1),
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (worker(always(ValueError("broken"))), "broken"),
        (worker(always(ConnectionError("down"))), "down"),
        (worker(always(TimeoutError("late"))), "late"),
        (worker(lambda request: "text", gives=Answer), "gives Answer"),
        (worker(lambda request: None), "returned None"),
        (worker(found, success=(lambda result: unmet("no proof"),)), "no proof"),
        (worker(lambda request, tools: tools["forbidden"]()), "forbidden"),
        (worker(lambda request: time.sleep(0.5), budget=Budget(seconds=0.05)), "seconds"),
    ],
)
async def test_a_worker_that_fails_is_the_managers_to_see(bad, words, way):
    graph = team(answers_anyway, {"find": worker(), "bad": bad}, recover=QUICK)
    ended = await run(graph, way, message="x")
    assert ended.status == "done"
    assert words in ended.results["manager"]["text"]
    assert ended.results["a"] == {"found": "goal a"}  # its sibling is not lost


async def test_a_worker_that_needs_a_person_ends_the_run_with_one():
    bad = worker(found, escalate=(lambda result: "a person must look",))
    ended = await run(team(answers_anyway, {"find": worker(), "bad": bad}), message="x")
    assert ended.status == "escalated"
    assert "a person must look" in reason(ended)


async def test_a_fallback_does_the_step_and_the_manager_gets_its_result():
    workers = {"bad": worker(always(ValueError("broken"))), "find": worker()}
    recover = Recovery(
        unknown=fallback("find"), permanent=fallback("find"), contract=fallback("find")
    )
    graph = team(once(step("a", to="bad")), workers, recover=recover)
    ended = await run(graph, message="x")
    assert (ended.status, ended.results["manager"]) == ("done", {"a": {"found": "goal a"}})


@pytest.mark.parametrize(
    ("lead", "words", "status"),
    [
        (always(ValueError("no idea")), "no idea", "escalated"),
        (lambda request, ledger: [], "gave nothing out and no answer", "escalated"),
        (lambda request, ledger: step("a", f"{ledger.round}"), "is used twice", "escalated"),
        (lambda request, ledger: step("a", to="nobody"), "unknown assignee 'nobody'", "escalated"),
        (
            lambda request, ledger: step(f"a{ledger.round}", "again"),
            "is step 'a1' again, which is done",
            "escalated",
        ),
        (lambda request, ledger: step(f"a{ledger.round}"), "3 rounds, the limit", "exhausted"),
        (
            lambda request, ledger: [step(f"a{n}") for n in range(9)],
            "over the limit of 8",
            "escalated",
        ),
        (lambda request, ledger: {"text": 5}, "gives Answer", "escalated"),
        (lambda request, ledger: {"text": ""}, "is empty", "escalated"),
        (lambda request, ledger: None, "nothing out and no answer", "escalated"),
        (
            lambda request, ledger: [step("a"), "and so on"],
            "'and so on' among its steps",
            "escalated",
        ),
    ],
)
async def test_a_manager_that_does_not_get_on_ends_by_name(lead, words, status):
    def two(request: Any, ledger: Ledger) -> Any:
        return lead(request, ledger) if lead.__code__.co_argcount == 2 else lead(request)

    def full(result: Any) -> Any:
        return bool(result["text"]) or unmet("is empty")

    ended = await run(team(two, gives=Answer, success=(full,), rounds=3, most=8), message="x")
    assert ended.status == status
    assert words in reason(ended)


async def test_work_that_keeps_failing_is_named():
    def lead(request: Any, ledger: Ledger) -> Any:
        return step(f"try{ledger.round}", "the same", to="bad")

    bad = worker(always(ValueError("broken")))
    graph = team(lead, {"bad": bad}, recover=QUICK, budget=Budget(retries=1))
    ended = await run(graph, message="x")
    assert ended.status == "escalated"
    assert "bad has failed 2 times at 'the same': try1 -> try2 -> try3" in reason(ended)


async def test_a_managers_own_condition_for_a_person_is_kept():
    graph = team(once(step("a")), escalate=(lambda result: "worth a look",))
    ended = await run(graph, message="x")
    assert (ended.status, "worth a look" in reason(ended)) == ("escalated", True)


async def test_a_deadline_ends_the_run():
    slow = worker(lambda request: time.sleep(0.4) or {"x": 1})
    graph = team(once(step("a")), {"find": slow}, deadline=0.1)
    assert (await run(graph, message="x")).status == "exhausted"


@pytest.mark.parametrize("way", ["sync", pytest.param("async", marks=pytest.mark.slow)])
def test_a_crash_at_any_point_is_recovered_from(way, tmp_path):
    book = tmp_path / "book"

    def note(order: int, idempotency_key: str) -> str:
        """Write one order down, once for its key."""
        known = book.read_text().split() if book.exists() else []
        if idempotency_key not in known:
            with book.open("a") as file:
                file.write(idempotency_key + "\n")
        return "noted"

    def build() -> Any:
        def agent(request: Any, tools: Any) -> dict[str, Any]:
            return {"said": tools.note(order=len(request["message"]))}

        noting = worker(agent, tools=(effect(note, key="{order}"),))
        inner = team(once(step("a", "x"), step("b", "xx", after=("a",))), {"find": noting})
        return team(once(step("down", to="desk")), {"desk": inner.compile()})

    report = crashpoints(
        build,
        {"message": "x"},
        asynchronous=way == "async",
        reset=lambda: book.unlink(missing_ok=True),
    )
    assert report.ok, report
    assert report.points > 20


def test_a_manager_as_the_agent_of_a_single_agent_and_the_other_way_round():
    inner = team(once(step("a", "cats"))).compile()
    around = create_single_agent(
        Worker(agent=inner, contract=Contract(goal="Ask the team", needs=("message",), gives=dict))
    )
    app = around.compile(checkpointer=checkpointer("memory://"))
    assert start(app, {"message": "x"}).results["work"] == {"a": {"found": "cats"}}
    single = create_single_agent(worker()).compile()
    app = team(once(step("a", "dogs", to="desk")), {"desk": single}).compile(
        checkpointer=checkpointer("memory://")
    )
    assert start(app, {"message": "x"}).results["a"] == {"found": "dogs"}


# Model-driven.


def directed(*replies: Any) -> ScriptedModel:
    return ScriptedModel(list(replies), usage=True)


FIRST = {"steps": [{"id": "a", "goal": "cats", "assignee": "find"}], "reason": "first look"}
LAST = {"answer": {"text": "cats"}, "reason": "found"}


@pytest.mark.parametrize("way", WAYS)
async def test_a_model_manages(way):
    model = directed(FIRST, LAST)
    ended = await run(team(model, gives=Answer), way, message="pets?")
    assert (ended.status, ended.results["manager"]) == ("done", {"text": "cats"})
    assert ended.values["spent"]["steps"] == 3
    assert ended.values["spent"]["tokens"] > 0
    first, second = model.calls
    assert "- find: Find" in first.messages[0].text
    # It gets the result that the contract gives, and no transcript.
    assert [m.text for m in second.messages[1:]] == [
        "pets?",
        '{"results":{"a":{"found":"cats"}}}',
    ]
    by = [d.by for d in ended.decisions if d.kind == "plan"]
    assert by == ["model", "model"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": [{"id": "a", "goal": "x", "assignee": "find", "after": ["b"]}]},
        {"answer": {"text": ""}},
        {},
    ],
)
async def test_a_model_is_told_once_why_its_orders_cannot_be_followed(wrong):
    def full(result: Any) -> Any:
        return bool(result["text"]) or unmet("is empty")

    model = directed(wrong, LAST)
    ended = await run(team(model, gives=Answer, success=(full,)), message="x")
    assert ended.status == "done"
    assert "cannot be done" in model.calls[1].messages[-1].text
    ended = await run(team(directed(wrong, wrong), gives=Answer, success=(full,)), message="x")
    assert ended.status == "escalated"


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "vote", "most": 3},
        {"kind": "each", "over": "items", "inputs": {"items": [1, 2]}, "most": 2},
        {"kind": "until", "condition": "enough", "most": 2},
        {"criterion": "the parcel is named"},
    ],
)
async def test_a_step_that_a_manager_would_do_but_once_and_unjudged_is_refused(more):
    seen: list[Any] = []
    workers = {"find": worker(lambda request: seen.append(request) or request)}
    ended = await run(team(once(step("a", **more)), workers), message="x")
    assert (ended.status, seen) == ("escalated", [])
    assert "a manager gives out plain steps" in ended.outcome.reason


async def test_a_models_step_with_a_word_that_no_step_has_is_refused():
    lost = {"steps": [{**FIRST["steps"][0], "depends_on": ["b"]}]}
    ended = await run(team(directed(lost, lost, lost, lost), gives=Answer), message="x")
    assert (ended.status, "depends_on" in ended.outcome.reason) == ("escalated", True)


async def test_a_models_calls_count_against_the_limit():
    ended = await run(
        team(directed(FIRST, LAST), gives=Answer, budget=Budget(steps=2)), message="x"
    )
    assert (ended.status, ended.values["spent"]["steps"]) == ("exhausted", 2)


async def test_a_model_that_fails_is_retried_and_then_a_person_is_asked():
    recover = Recovery(transient=retry(2, wait=0), otherwise=escalate())
    model = directed(ConnectionError("down"), FIRST, LAST)
    ended = await run(team(model, gives=Answer, recover=recover), message="x")
    assert ended.status == "done"
    model = directed(ConnectionError("down"), ConnectionError("down"))
    ended = await run(team(model, gives=Answer, recover=recover), message="x")
    assert ended.status == "escalated"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Command(goto="w"), "nobody would follow"),
        ([Command(goto="w")], "nobody would follow"),
        (Send("w", {}), "nobody would follow"),
        (Handoff(to="w", reason="r"), "nobody would follow"),
        (Question(text="Which?"), "nobody would follow"),
        ({"id": "a", "goal": "g", "assignee": "w"}, "the data of a step and no Step"),
        ([{"goal": "g", "assignee": "w"}], "the data of a step and no Step"),
    ],
)
def test_what_was_meant_to_give_work_out_is_no_answer(answer, why):
    manager = Manager(
        agent=lambda request, ledger: answer, contract=Contract(goal="Lead", needs=("message",))
    )
    worker = Worker(agent=lambda request: 1, contract=Contract(goal="Work", needs=("message",)))
    ended = start(create_manager_worker(manager, {"w": worker}).compile(), {"message": "m"})
    assert ended.status == "escalated"
    assert why in ended.outcome.reason


def test_an_answer_may_name_a_goal_or_an_assignee():
    answer = {"assignee": "maria", "goal": "g"}
    manager = Manager(
        agent=lambda request, ledger: answer, contract=Contract(goal="Lead", needs=("message",))
    )
    worker = Worker(agent=lambda request: 1, contract=Contract(goal="Work", needs=("message",)))
    ended = start(create_manager_worker(manager, {"w": worker}).compile(), {"message": "m"})
    assert (ended.status, ended.results["manager"]) == ("done", answer)
