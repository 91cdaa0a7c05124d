"""Use the public API as users write it: checked by mypy and pyright, never run.

A wrong use carries an ignore, which both checkers read. Both call an ignore that is not needed an
error, so a wrong use that either of them lets pass is seen.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Mapping
from operator import add
from typing import Annotated, Any, Literal, assert_type

from langchain_core.messages import AIMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import RetryPolicy
from pydantic import BaseModel
from typing_extensions import TypedDict

from quintet.checks import Finding
from quintet.graphs import (
    begin,
    by_actions,
    by_failure,
    by_outcome,
    by_plan,
    by_route,
    check,
    create_event_driven,
    create_handoff,
    create_manager_worker,
    create_sequential,
    create_single_agent,
    draw_events,
    govern,
    review,
)
from quintet.graphs.edges import Begin, Path
from quintet.nodes import (
    Act,
    Answer,
    ApprovalGate,
    Breaker,
    Cancel,
    Choice,
    Collect,
    Consult,
    Dispatcher,
    Effect,
    Evidence,
    Examples,
    FanOut,
    Finish,
    Handoff,
    Join,
    Ledger,
    Manager,
    Merge,
    Message,
    Node,
    Planner,
    Recovery,
    Remedy,
    Review,
    Router,
    Subscriber,
    Undo,
    Worker,
    abort,
    always,
    by_examples,
    by_model,
    by_rules,
    cascade,
    chat_model,
    classify,
    effect,
    escalate,
    fallback,
    hand_over,
    judge_criteria,
    judge_sources,
    over,
    per_million,
    precedence,
    proposed,
    replan,
    retry,
    vote,
)
from quintet.nodes.choosers.choose import Cascade, Rules
from quintet.nodes.choosers.model import ModelChooser
from quintet.nodes.choosers.promise import Promise
from quintet.nodes.choosers.told import Explanation, Scored
from quintet.nodes.conflict import Settled
from quintet.nodes.merge import MergeAnswer
from quintet.runs import (
    Background,
    Run,
    afork,
    alook,
    approve,
    aresume,
    astart,
    astream,
    draining,
    edit,
    fork,
    look,
    migrate,
    pinned,
    prune,
    reject,
    release,
    respond,
    resume,
    settle,
    start,
    stop,
    stops,
    stored_run,
    stored_runs,
    stream,
)
from quintet.runs.run import Waiting
from quintet.runs.stop import Stop
from quintet.runs.stored import StoredRun
from quintet.state import (
    Action,
    ActionRefused,
    AnswerRefused,
    Approval,
    ApprovalMissing,
    Budget,
    BudgetExhausted,
    CheckpointerError,
    CircuitOpen,
    Contract,
    ContractBroken,
    Decided,
    Decision,
    DesignError,
    EffectRepeated,
    EffectUnknown,
    Ended,
    Entry,
    Event,
    EventState,
    Failure,
    GraphChanged,
    HandoffLoop,
    Journal,
    Log,
    Merged,
    MissingExtra,
    NoSuchRun,
    OrchestrationState,
    Outcome,
    Plan,
    Planned,
    QuintetError,
    Recovered,
    Routed,
    RunError,
    Seal,
    Secret,
    Spending,
    Step,
    StepFailed,
    Stopped,
    ToolRefused,
    UnknownRoute,
    Unmet,
    Worked,
    as_recorded,
    belongs_to,
    checked,
    checkpointer,
    deliver,
    digest,
    figures,
    fresh,
    grounded_in,
    performed,
    plain,
    run_of,
    threads,
    unmet,
)
from quintet.state.budget import add_spending
from quintet.testing import (
    ModelCall,
    ScriptedModel,
    ScriptedPerson,
    ScriptExhausted,
    clock,
    crashpoints,
)
from quintet.testing.clock import VirtualTime
from quintet.testing.crash.report import CrashPoint, CrashReport

App = CompiledStateGraph[Any, Any, Any, Any]


def issue_refund(order: int, amount: float) -> dict[str, str]:
    """Pay money back."""
    return {"receipt": f"R-{order}"}


def void_refund(receipt: dict[str, str]) -> None:
    """Take a refund back."""


async def send_letter(text: str) -> str:
    """Send a letter."""
    return text


def letter_key(text: str) -> str:
    return f"letter:{digest(text)}"


def own_orders_only(action: Action) -> bool | str:
    return bool(action.behalf) or "nobody's order"


refund = effect(issue_refund, key="refund:{order}:{amount}", undo=void_refund)
letter = effect(send_letter, key=letter_key, harmless=(ConnectionError,), allow=own_orders_only)
assert_type(refund, Effect)


class RefundRequest(TypedDict):
    message: str
    order: int
    amount: float


class Reply(TypedDict):
    reply: str
    cites: str


def billing_agent(request: RefundRequest, tools: Mapping[str, Any]) -> Reply:
    done = tools["issue_refund"](order=request["order"], amount=request["amount"])
    return {"reply": str(done), "cites": "duplicate-charge"}


def shipping_agent(request: dict[str, Any]) -> Reply:
    return {"reply": "It arrives on Tuesday.", "cites": "order-status"}


async def basic_agent(request: dict[str, Any]) -> Reply | Handoff:
    return Handoff(to="shipping", reason="a parcel") if "parcel" in request["message"] else BASIC


BASIC: Reply = {"reply": "We will come back to you.", "cites": "general"}


def cites_policy(result: Reply) -> bool | Unmet:
    return bool(result["cites"]) or unmet("no policy is cited")


def answers_request(request: RefundRequest, result: Reply) -> bool:
    return str(request["order"]) in result["reply"]


class Desk(OrchestrationState, total=False):
    order: int
    amount: float


def readme_desk() -> App:
    desk = create_handoff(
        Router(
            choose=by_rules([("charged|refund", "billing"), ("parcel|deliver", "shipping")]),
            to=("billing", "shipping"),
            otherwise="person",
        ),
        {
            "billing": Worker(
                agent=billing_agent,
                contract=Contract(
                    goal="Resolve the refund request inside policy",
                    needs=RefundRequest,
                    gives=Reply,
                    tools=(refund,),
                    success=(cites_policy, answers_request),
                    budget=Budget(steps=4, seconds=30, money=0.1),
                ),
                price=per_million(input=0.4, output=1.6),
            ),
            "shipping": Worker(
                agent=shipping_agent,
                contract=Contract(goal="Say where it is", needs=("message",), gives=Reply),
            ),
            "basic": Worker(
                agent=basic_agent,
                contract=Contract(goal="Answer anyhow", needs=("message",), gives=Reply),
                then="finish",
                handoffs=("shipping",),
            ),
        },
        gate=ApprovalGate(when=over(100), approvers=("maria",), expires="24h"),
        recover=Recovery(transient=retry(3), permanent=fallback("basic"), otherwise=escalate()),
        state=Desk,
    )
    return desk.compile(checkpointer=checkpointer("memory://"))


def readme_run(app: App) -> None:
    run = start(app, {"message": "charged twice", "order": 1042, "amount": 144.0}, thread="t-1")
    run = run.answer(approve(by="maria", note="seen the invoice"))
    assert_type(run, Run)
    assert_type(run.outcome, Outcome | None)
    if run.outcome is not None and run.status == "done":
        assert_type(run.outcome.reason, str)


async def travel(app: App) -> None:
    assert_type(start(app, {"message": "x"}, thread="t-1", dry_run=True), Run)
    assert_type(fork(app, thread="t-1", to="t-2"), Run)
    assert_type(await afork(app, thread="t-1", at=3, to="t-3", effects="real"), Run)
    with checkpointer("memory://") as saver:
        assert_type(prune(saver, older_than="30d", keep=2, dry_run=True).checkpoints, int)
    effect(issue_refund, key="refund:{order}", dry=lambda order: {"receipt": order})


class Letters(OrchestrationState, total=False):
    draft: str
    sent: list[str]


def greet(state: Letters) -> Letters:
    return {"message": state.get("message", "").strip()}


def propose_sending(state: Letters) -> dict[str, Any]:
    text = str(state.get("results", {})["writer"]["text"])
    return {"draft": text, **proposed(Action(name="send", arguments={"text": text}))}


async def send(state: Letters) -> Letters:
    letters = [a for a in state.get("actions", {}).values() if a["status"] == "approved"]
    return {"sent": [str(a["arguments"]["text"]) for a in letters]}


def decline(state: Letters) -> dict[str, Any]:
    return {"outcome": plain(Outcome(status="rejected", reason="not sent"))}


def write(request: dict[str, Any]) -> dict[str, str]:
    return {"text": f"Dear customer, about {request['message']}: we are sorry."}


def own_graph() -> None:
    recovery = Recovery(transient=retry(3, wait=0.1), otherwise=escalate("declined"))
    router = Router(choose=by_rules([("complain", "writer")]), to=("writer",), otherwise="declined")
    writer = Worker(agent=write, contract=Contract(goal="Answer it", needs=("message",)))
    gate = ApprovalGate(approvers=("maria",), approved="send", rejected="declined")
    assert_type(recovery.retry_policy, tuple[RetryPolicy, ...])
    assert_type(router.destinations, tuple[str, ...])

    graph = StateGraph(Letters)
    graph.add_node("greet", greet)
    graph.add_node("router", router, destinations=router.destinations)
    graph.add_node("writer", writer, retry_policy=recovery.retry_policy, error_handler=recovery)
    graph.add_node("propose", propose_sending)
    graph.add_node("gate", gate, destinations=gate.destinations)
    graph.add_node("send", send, retry_policy=recovery.retry_policy, error_handler=recovery)
    graph.add_node("declined", decline)
    graph.add_node("finish", Finish(success=(has_draft,)))
    graph.add_node("person", hand_over)
    graph.add_node("act", Act(effects=(letter,), gate=gate, then="finish"))
    graph.add_node("undo", Undo(effects=(refund, letter)))
    first = begin("greet")
    assert_type(first, Begin)
    graph.add_conditional_edges(START, first, first.targets)
    graph.add_edge("greet", "router")
    for source, path in paths().items():
        graph.add_conditional_edges(source, path, path.targets)
    assert_type(check(graph), tuple[Finding, ...])
    with checkpointer("sqlite:///letters.db") as saver:
        compiled = graph.compile(checkpointer=saver)
        for finding in check(compiled):
            assert_type(finding.remedy, str)
        assert_type(start(compiled, {"message": "I complain!"}).status == "waiting", bool)
        assert_type(threads(saver), list[str])


def governed(worker: Worker) -> None:
    graph = StateGraph(Letters)
    graph.add_node("greet", greet)
    added = govern(
        graph,
        {"writer": worker},
        then="finish",
        gate=ApprovalGate(when=always),
        recover=Recovery(transient=retry(2)),
        success=(has_draft,),
    )
    assert_type(added, StateGraph[Any])


def has_draft(state: Mapping[str, Any]) -> bool | Unmet:
    return "draft" in state or unmet("no draft")


def paths() -> dict[str, Path]:
    return {
        "writer": by_actions("gate", otherwise=by_failure("person", otherwise="finish")),
        "finish": by_outcome(done=END, rejected=END, otherwise="person"),
        "router": by_route({"letters": "writer"}, otherwise="person"),
        "greet": by_route(("writer",), otherwise="person"),
        "send": by_plan("plan", otherwise="finish"),
    }


def by_length(text: str) -> str | None:
    return "long" if len(text) > 80 else None


async def by_asking(text: str) -> Choice | None:
    return Choice(to="short", reason="it asks", confidence=0.9) if "?" in text else None


class ByTime:
    def __call__(self, given: Mapping[str, Any]) -> Choice:
        return Choice(to="short", by="rule", candidates=("short", "long"))


def choosers(model: ScriptedModel) -> tuple[Router, ...]:
    routes = ("long", "short")
    rules = by_rules({"long": ["essay", "novel"], "short": lambda text: len(text) < 9})
    learned = by_examples([("a b", "long"), ("c", "short")], at_least=0.6)
    asked = by_model(model, about={"long": "novels"}, at_least=0.5)
    assert_type(rules, Rules)
    assert_type(learned, Examples)
    assert_type(learned.promise, Promise)
    assert_type(learned.scores(["a"]), list[Scored])
    assert_type(learned.explain("a"), Explanation)
    assert_type(learned.corrected([("a", "short"), ("b", None)]), Examples)
    assert_type(asked, ModelChooser)
    assert_type(cascade(rules, learned, by_asking), Cascade)
    assert_type(rules("an essay"), Choice | None)
    return (
        Router(choose=by_length, to=routes, otherwise="person", budget=Budget(handoffs=3)),
        Router(choose=by_asking, to={"long": "a", "short": "b"}, otherwise="person"),
        Router(choose=ByTime(), to=routes, otherwise="person", read=dict),
        Router(choose=lambda text: text, to=routes, otherwise="person", exhausted="finish"),
        Router(choose=cascade(rules, learned, asked, by_length), to=routes, otherwise="person"),
    )


def make_plan(goal: str, evidence: Evidence | None) -> Plan:
    look_up = Step(id="a", goal=goal, assignee="facts", inputs={"order": 7})
    return Plan(goal=goal, steps=(look_up, Step(id="b", goal=goal, assignee="w", after=("a",))))


async def make_steps(goal: str) -> list[Step]:
    return [Step(id="a", goal=goal, assignee="facts", criterion="it names the order")]


def holds(step: Step, result: Any) -> bool | Unmet:
    return bool(result) or unmet(f"{step.id} is empty")


async def newest(field: str, values: Mapping[str, Any]) -> Settled | None:
    return Settled(value=values["api"], reason="newest") if "api" in values else None


def planners_and_merges(model: ScriptedModel) -> tuple[Node, ...]:
    return (
        Planner(make=make_plan, assignees=("facts", "w"), check=holds),
        Planner(make=make_steps, assignees={"facts": "looks up"}, check=judge_criteria(model)),
        Planner(make=model, assignees=("facts",), budget=Budget(steps=4, retries=1)),
        Planner(make=make_plan("x", None), assignees=("facts",), then="merge", otherwise=END),
        Merge(of=("a", "b"), then="finish", resolve=vote(0.6)),
        Merge(of=("a", "b"), then="finish", resolve=(precedence("a"), newest), fields=("x",)),
        Merge(of=("a", "b"), then="finish", resolve={"x": newest, "y": (judge_sources(model),)}),
    )


def remedies() -> Recovery:
    assert_type(replan(times=1), Remedy)
    assert classify(TimeoutError()) == "timeout"
    return Recovery(
        rate_limit=retry(4, wait=1, most=60),
        timeout=(retry(2), fallback("basic")),
        contract=(replan(), escalate()),
        otherwise=abort(),
        classify=lambda problem: "denied" if isinstance(problem, PermissionError) else None,
        budget=Budget(retries=5),
    )


class Order(BaseModel):
    number: int


def ready_made(worker: Worker, model: ScriptedModel) -> tuple[StateGraph[Any], ...]:
    chat = Worker(agent=model, contract=Contract(goal="Chat", needs=Order, tools=(refund,)))
    planner = Planner(make=make_plan, assignees=("w",))
    router = Router(choose=by_length, to=("long",), otherwise="person")
    gate = ApprovalGate(when=always, approvers=lambda action: (action.behalf,), expires=60)
    return (
        create_single_agent(worker, gate=gate, success=(has_draft,)),
        create_sequential({"chat": chat, "own": greet}, state=Letters, recover=remedies()),
        create_sequential(
            {"w": worker, "look": review("w", bool, rounds=2), "ask": Consult(question="Where?")},
            pause_after={"w": Review(approvers=("maria",))},
            aside={"spare": Consult(question="What?", gives=int, of="w", then="ask")},
        ),
        create_handoff(router, {"long": planner, "w": worker, "own": send}, intake=greet),
        create_event_driven(
            {
                "bill": Subscriber(handler=worker, on=Order, by="order_id"),
                "both": Subscriber(handler=make_plan, on=Order, collect=Collect(at_least=2, of=3)),
            },
            dispatch=Dispatcher(inputs=(Order,), depth=4, most=99, dead="record"),
            state=EventState,
        ),
    )


def events(graph: StateGraph[Any], order: Order) -> None:
    event = Event.of(order, type=Order, id="1", source="shop")
    assert_type(event, Event)
    assert_type(deliver(event, order), dict[str, Any])
    assert_type(draw_events(graph), str)


def answers(app: App) -> None:
    person: ScriptedPerson[Answer] = ScriptedPerson([approve(by="maria"), reject(by="maria")])
    run = start(app, {"message": "x"}, config={"tags": ["t"]}, durability="sync")
    while run.status == "waiting":
        question = run.waiting[0]
        assert_type(question, Waiting)
        run = run.answer(person(question.packet), to=question.id)
    for said in (edit({"amount": 5}, by="maria"), respond("No.", by="maria", role="lead")):
        assert_type(said, Answer)
        run = run.answer(said)
    values = settle({"x": 1}, by="maria")
    assert_type(values, MergeAnswer)
    run = resume(app, thread=run.answer(values).thread)
    assert_type(look(app, thread="t").decisions, tuple[Decision, ...])
    assert_type(run.path, tuple[str, ...])
    assert_type(person.asked, list[Mapping[str, Any]])
    assert_type(ScriptedPerson(by_packet), ScriptedPerson[Answer])


async def answers_async(app: App) -> None:
    try:
        run = await aresume(app, thread="t")
    except NoSuchRun:
        run = await astart(app, {"message": "x"}, thread="t", context={"user": 1})
    assert_type(await run.aanswer(approve(by="maria")), Run)
    assert_type((await alook(app, thread="t")).status == "escalated", bool)


def changed(app: App, older: App) -> None:
    def in_cents(values: dict[str, Any]) -> dict[str, Any]:
        return {"cents": values.pop("amount") * 100, **values}

    step = migrate(from_="3f2a9c0b", rename={"desk": "support_desk"})(in_cents)
    versions = pinned(app, older, migrations=(step, migrate(rename={"a": "b"})))
    try:
        assert_type(resume(versions, thread="t"), Run)
    except GraphChanged as problem:
        assert_type(problem.differences, tuple[str, ...])
    with draining() as drain:
        while not drain.requested:
            start(versions, {"message": "x"})
    assert_type(look(versions, thread="t"), Run)
    stream(versions, None, thread="t")


def watched(app: App, run: Run) -> None:
    for event in stream(app, {"message": "x"}, thread="t", stream_mode="updates", withdraw=True):
        if isinstance(event, Run):
            assert_type(event.results, Mapping[str, Any])
            assert_type(event.id, str)
    for _ in run.stream(approve(by="maria"), stream_mode=["updates", "messages"]):
        pass
    for _ in stream(app, None, thread="t"):
        pass


async def watched_async(app: App, run: Run) -> None:
    async for event in astream(app, {"message": "x"}, subgraphs=True):
        assert_type(event, Any)
    async for _ in run.astream(reject(by="maria")):
        pass


def stored(saver: BaseCheckpointSaver[str]) -> list[StoredRun]:
    with checkpointer("memory://", allow=(Order,)) as ours:
        assert_type(stored_run(ours, "t"), StoredRun)
    return stored_runs(saver)


def safely(order: str, key: Secret = Secret("env:STRIPE_KEY")) -> None:
    Secret.resolver("vault", lambda name: name)
    assert_type(key.reveal(), str)
    with checkpointer("sqlite:///a.db", tenant="acme", key=[Secret("env:KEY"), b"", None]) as ours:
        ours.delete_tenant(keep_journal=False)
    checkpointer("memory://", key="text")  # type: ignore[arg-type]


def scripts() -> ScriptedModel:
    by_function = ScriptedModel(lambda messages: f"{len(messages)} messages", latency=0.1)
    assert_type(by_function.calls, list[ModelCall])
    chat_model("openai:some-model", temperature=0)
    return ScriptedModel(
        ["hello", AIMessage("hi"), {"to": "a"}, Order(number=1), TimeoutError], usage=True
    )


def by_packet(packet: Mapping[str, Any]) -> Answer:
    return approve(by="maria") if packet["action"] == "send" else reject(by="maria")


class Routing(Routed, Worked, Ended, total=False):
    notes: Annotated[list[str], add]


class Decisions(Decided, total=False):
    person: str


class Panel(Planned, Merged, Recovered, total=False):
    names: Annotated[list[dict[str, Any]], Log]


def streams() -> tuple[Entry, ...]:
    journal: Journal = checkpointer("memory://").journal
    assert_type(journal.append("t", "effect pay:1", "claimed", {"owner": "me"}, position=0), bool)
    assert_type(journal.entries(None, "effect "), tuple[Entry, ...])
    return journal.read("t", "effect pay:1")


def kept(spent: Spending, state: OrchestrationState) -> Action:
    assert_type(add_spending(spent, None), Spending)
    assert_type(run_of(state), str)
    yes = Approval(gate="approval", digest="d", answer="approve", by="maria")
    return Action(name="send", arguments={"text": "x"}, approval=yes, status="approved")


async def outside_a_graph(router: Router, gate: ApprovalGate, state: Letters) -> None:
    assert_type(router(state), Any)
    await router.ainvoke(state)
    assert_type(gate.wants(letter.action(text="x")), str | None)
    assert_type(letter.as_tool().name, str)
    panel: Panel = {"names": [{"name": "maria"}]}
    routing: Routing = {"route": "a", "notes": ["b"], "spent": {"steps": 1}, "outcome": None}
    router.invoke({**routing, **panel})


def told(problem: Exception) -> str:
    match problem:
        case DesignError() | CheckpointerError() | MissingExtra() | ScriptExhausted():
            return "put together wrongly"
        case ContractBroken(side=side):
            return side
        case StepFailed(failure=failure):
            assert_type(failure, Failure)
            return failure.kind
        case ToolRefused() | ActionRefused() | ApprovalMissing() | UnknownRoute():
            return "refused"
        case EffectRepeated() | EffectUnknown() | BudgetExhausted() | HandoffLoop():
            return "stopped"
        case AnswerRefused() | NoSuchRun() | RunError() | QuintetError():
            return str(problem)
    return "not ours"


def two(first: int, second: int) -> bool:
    return first == second


async def late(state: Mapping[str, Any]) -> bool:
    return bool(state)


def number_of(text: str) -> int:
    return len(text)


def wrong_nodes(gate: ApprovalGate) -> None:
    Router(choose=by_length, to=("long",))  # type: ignore[call-arg]
    Router(choose="long", to=("long",), otherwise="person")  # type: ignore[arg-type]
    Router(choose=number_of, to=("long",), otherwise="person")  # type: ignore[arg-type]
    Router(choose=by_length, to=("long",), otherwise="person", budget=8)  # type: ignore[arg-type]
    Router(by_length, ("long",), "person")  # type: ignore[call-arg]
    Worker(agent=write)  # type: ignore[call-arg]
    Worker(agent=write, contract="Answer")  # type: ignore[arg-type]
    Worker(agent=write, contract=Contract(needs=("message",)))  # type: ignore[call-arg]
    Contract(goal="x", needs=("message",), tools=refund)  # type: ignore[arg-type]
    Contract(goal="x", needs=("message",), success=cites_policy)  # type: ignore[arg-type]
    Contract(goal="x", needs=("message",), budget=Budget(pounds=1))  # type: ignore[call-arg]
    ApprovalGate(when=two)  # type: ignore[arg-type]
    ApprovalGate(approvers=1)  # type: ignore[arg-type]
    ApprovalGate(aproved="send")  # type: ignore[call-arg]
    Recovery(transient="retry")  # type: ignore[arg-type]
    Recovery(network=retry())  # type: ignore[call-arg]
    Recovery(classify=lambda problem: "oops")  # type: ignore[arg-type, return-value]
    Merge(of=("a", "b"), then="finish", resolve=two)  # type: ignore[arg-type]
    Merge(then="finish")  # type: ignore[call-arg]
    Merge(of=("a", "b"), owners={"veto": 3})  # type: ignore[dict-item]
    FanOut(widht=2)  # type: ignore[call-arg]
    Join(need="most")  # type: ignore[arg-type]
    Planner(make=7, assignees=("a",))  # type: ignore[arg-type]
    Planner(make=make_plan, assignees=("a",), check=late)  # type: ignore[arg-type]
    Act(effects=(issue_refund,), then="finish")  # type: ignore[arg-type]
    Undo(effects=refund)  # type: ignore[arg-type]
    Finish(success=(late,))
    Finish(success=has_draft)  # type: ignore[arg-type]
    gate.when = always  # type: ignore[misc]


def wrong_parts(worker: Worker) -> None:
    Choice(to="a", by="guess")  # type: ignore[arg-type]
    Choice(to=None)  # type: ignore[arg-type]
    Outcome(status="finished", reason="x")  # type: ignore[arg-type]
    Step(id="a", goal="g", assignee="w", after=7)  # type: ignore[arg-type]
    effect(issue_refund)  # type: ignore[call-arg]
    effect("issue_refund", key="k")  # type: ignore[arg-type]
    by_rules([("charged", 1)])  # type: ignore[list-item]
    by_examples([("a", 1)])  # type: ignore[list-item]
    by_examples([("a", "b", "c")])  # type: ignore[list-item]
    cascade("long", by_length)  # type: ignore[arg-type]
    create_handoff({"a": worker}, worker)  # type: ignore[arg-type]
    create_sequential([worker])  # type: ignore[arg-type]
    create_event_driven([worker])  # type: ignore[arg-type]
    Dispatcher(dead="drop")  # type: ignore[arg-type]
    create_single_agent(worker, gate=True)  # type: ignore[arg-type]
    create_single_agent(worker, recover=retry())  # type: ignore[arg-type]
    by_outcome(done=END)  # type: ignore[call-arg]
    by_route("a", otherwise=END)  # type: ignore[arg-type]
    begin(worker)  # type: ignore[arg-type]
    govern(StateGraph(Letters), {"a": worker}, "finish")  # type: ignore[call-arg]
    unmet()  # type: ignore[call-arg]
    check("graph")  # type: ignore[arg-type]
    _: Panel = {"route": "a"}  # type: ignore[typeddict-unknown-key]


def wrong_runs(app: App, run: Run) -> None:
    start(StateGraph(Letters), {"message": "x"})  # type: ignore[arg-type]
    start(app, "message")  # type: ignore[arg-type]
    stream(app, "message")  # type: ignore[arg-type]
    astream(app)  # type: ignore[call-arg]
    look(app, "t")  # type: ignore[call-arg]
    fork(app, thread="t")  # type: ignore[call-arg]
    fork(app, thread="t", to="u", effects="wet")  # type: ignore[arg-type]
    prune("sqlite:///runs.db", keep=1)  # type: ignore[arg-type]
    approve()  # type: ignore[call-arg]
    edit(by="maria")  # type: ignore[call-arg]
    respond(by="maria")  # type: ignore[call-arg]
    settle(by="maria")  # type: ignore[call-overload]
    run.thread = "t"  # type: ignore[misc]
    ScriptedModel([1, 2])  # type: ignore[list-item]
    ScriptedPerson(7)  # type: ignore[arg-type]
    checkpointer(7)  # type: ignore[arg-type]
    _: Literal["finished"] = run.status  # type: ignore[assignment]


def recovery_of_what_is_unwell() -> None:
    breaker = Breaker(name="shop", failures=3, within="1m", rest=30, counts=("timeout",))
    guarded = breaker(issue_refund)
    assert_type(guarded(order=1, amount=2.0), dict[str, str])
    effect(issue_refund, key="refund:{order}", breaker=breaker)
    worker = Worker(agent=basic_agent, contract=Contract(goal="g", needs=()), breaker=breaker)
    Breaker(3)  # type: ignore[call-arg, arg-type]
    Breaker(counts=("slow",))  # type: ignore[arg-type]
    app = create_single_agent(worker, deadline="10m").compile()
    try:
        start(app, {"message": "m"}, deadline=60)
    except CircuitOpen as problem:
        assert_type(problem.until, float)
    except Stopped:
        pass
    begin("work", deadline="1h")


def kill_switch(saver: BaseCheckpointSaver[str]) -> None:
    stop(saver, effect="issue_refund", by="maria", why="twice")
    release("sqlite:///runs.db", tenant="acme", by="maria")
    stop(saver, effect="issue_refund")  # type: ignore[call-arg]
    assert_type(stops(saver), tuple[Stop, ...])
    failure = Failure(node="a", kind="timeout", error="E", message="m")
    assert_type(failure.causes, tuple[Failure, ...])


def crashes_and_time(graph: StateGraph[Any]) -> None:
    report = crashpoints(graph, {"message": "pay"}, person=ScriptedPerson([approve(by="maria")]))
    assert_type(report, CrashReport)
    assert_type(report.bad, tuple[CrashPoint, ...])
    assert_type(report.duplicated, int)
    crashpoints(lambda: graph, {}, url="sqlite:///runs.db", asynchronous=True, pairs=True)
    crashpoints(graph, {}, exits=True, reset=dict, ends=lambda values: values["results"])
    crashpoints(graph, {}, progress=lambda done, total: None, durability="sync")
    with clock(at="2026-03-01 09:00") as time:
        assert_type(time, VirtualTime)
        time.advance("25h")
        time.advance(60)


def managed(saver: BaseCheckpointSaver[Any]) -> StateGraph[Any]:
    """Build a manager with a worker, and one that works in the background."""

    def lead(request: Any, ledger: Ledger) -> list[Step | Message | Cancel] | dict[str, Any]:
        if ledger.tasks:
            return [Message(task="dig", text="more"), Cancel(task="dig", why="enough")]
        return [Step(id="dig", goal="dig", assignee="digger")] if not ledger.steps else {}

    contract = Contract(goal="Lead", needs=("message",), budget=Budget(steps=9))
    worker = Worker(agent=lambda request: {}, contract=contract)
    background = Background({"digger": create_single_agent(worker)}, checkpointer=saver)
    view: dict[str, Any] = background.check_task("dig", of="t")
    assert view["status"]
    manager = Manager(agent=lead, contract=contract, rounds=4, most=8)
    return create_manager_worker(manager, {"near": worker}, background=background)


def look_up(order: int) -> dict[str, Any]:
    """Look up an order."""
    return {"id": order}


def held_against_its_source() -> Contract:
    """Hold a result, and a tool's, against the record."""
    seal = Seal(keys=("message", "facts"))
    sealed: dict[str, Any] = seal.on({"facts": {"total": 1}}, message="m")
    found = list(figures(sealed))
    tool = checked(look_up, fresh("as_of", newest=lambda call: call["order"], needed=False))
    return Contract(
        goal=f"Answer from {len(found)} figures",
        needs=("message",),
        tools=(tool,),
        success=(
            grounded_in("message", lambda request, result: sealed, of=("reply",)),
            belongs_to("customer", whose="behalf"),
            as_recorded(lambda request, result: look_up(1), fields=("id",)),
            performed("refund", lambda request, result: {"order": 1}),
        ),
    )
