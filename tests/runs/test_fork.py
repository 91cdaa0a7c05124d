from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from quintet.errors import CheckpointerError, DesignError, NoSuchRun, RunError, RunSuperseded
from quintet.graphs import create_single_agent
from quintet.nodes import Undo, Worker, effect
from quintet.runs import afork, approve, astart, fork, look, resume, settle, start
from quintet.runs.thread import App
from quintet.state import Contract, OrchestrationState, checkpointer
from quintet.state.journal.mode import mode_in
from quintet.state.savers.saver import Saver
from tests.runs.desks import PAID, desk, large
from tests.services import postgres_schema


class PowerCut(BaseException):
    """The process ends here."""


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Saver]:
    with ExitStack() as stack:
        url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/a.db"}.get(request.param)
        url = url or stack.enter_context(postgres_schema())
        yield stack.enter_context(checkpointer(url))


@pytest.fixture
def app() -> App:
    return desk().compile(checkpointer=checkpointer("memory://"))


def rows(saver: Saver, thread: str) -> list[Any]:
    items = saver.list({"configurable": {"thread_id": thread}})
    return [(item.config, item.checkpoint, item.metadata, item.pending_writes) for item in items]


def step_of(app: App, thread: str, node: str) -> int:
    """Give the step at which a node is next."""
    for snapshot in app.get_state_history({"configurable": {"thread_id": thread}}):
        if node in snapshot.next:
            return int((snapshot.metadata or {})["step"])
    raise AssertionError(node)


def test_a_fork_waits_for_the_same_question_and_its_source_is_not_touched(saver: Saver) -> None:
    app = desk().compile(checkpointer=saver)
    first = start(app, large(), thread="a")
    before, open_before = rows(saver, "a"), saver.journal.opened("a")
    copy = fork(app, thread="a", to="b")
    # The question is copied as it stands.
    assert copy.waiting[0].packet == first.waiting[0].packet
    assert [entry.value["node"] for entry in saver.journal.opened("b")] == ["approve"]
    done = copy.answer(approve(by="maria"))
    assert done.outcome is not None
    assert done.outcome.evidence["would_be_done"] == ["pay(order=1, amount=500.0)"]
    assert not PAID
    assert (rows(saver, "a"), saver.journal.opened("a")) == (before, open_before)
    assert first.answer(approve(by="maria")).status == "done"
    assert PAID == [(1, 500.0)]


def test_a_fork_says_where_it_came_from(app: App) -> None:
    start(app, large(), thread="a")
    fork(app, thread="a", to="b")
    saver: Any = app.checkpointer
    newest = saver.get_tuple({"configurable": {"thread_id": "a", "checkpoint_ns": ""}})
    mode = mode_in(saver.journal, "b")
    assert (mode.source, mode.checkpoint, mode.dry) == ("a", newest.checkpoint["id"], True)


@pytest.mark.parametrize("order", ["source first", "fork first"])
def test_of_a_real_fork_and_its_source_one_pays(saver: Saver, order: str) -> None:
    app = desk().compile(checkpointer=saver)
    source = start(app, large(), thread="a")
    copy = fork(app, thread="a", to="b", effects="real")
    one, other = (source, copy) if order == "source first" else (copy, source)
    assert one.answer(approve(by="maria")).status == "done"
    late = other.answer(approve(by="maria"))
    assert late.status == "escalated"
    assert one.thread in str(late.outcome)
    assert PAID == [(1, 500.0)]


def test_a_real_fork_pays_where_nobody_has(app: App) -> None:
    start(app, large(), thread="a")
    copy = fork(app, thread="a", to="b", effects="real").answer(approve(by="maria"))
    assert (copy.status, PAID) == ("done", [(1, 500.0)])


def test_a_step_that_runs_anew_in_a_real_fork_has_the_results_of_its_source(saver: Saver) -> None:
    app = desk().compile(checkpointer=saver)
    source = start(app, large(50.0), thread="a")
    at = step_of(app, "a", "billing")
    copy = fork(app, thread="a", at=at, to="b", effects="real")
    assert copy.status == "unfinished"
    copy = resume(app, thread="b")
    assert copy.results == source.results
    assert PAID == [(1, 50.0)]


def test_a_step_that_runs_anew_in_a_dry_fork_says_what_it_would_do(saver: Saver) -> None:
    app = desk().compile(checkpointer=saver)
    start(app, large(50.0), thread="a")
    fork(app, thread="a", at=step_of(app, "a", "billing"), to="b")
    copy = resume(app, thread="b")
    assert copy.outcome is not None
    assert copy.outcome.evidence["would_be_done"] == ["pay(order=1, amount=50.0)"]
    assert PAID == [(1, 50.0)]


def test_a_fork_by_id_is_that_by_step(app: App) -> None:
    start(app, large(50.0), thread="a")
    at = step_of(app, "a", "billing")
    history = app.get_state_history({"configurable": {"thread_id": "a"}})
    snapshot = next(s for s in history if (s.metadata or {}).get("step") == at)
    by_step = fork(app, thread="a", at=at, to="b")
    by_id = fork(app, thread="a", at=snapshot.config["configurable"]["checkpoint_id"], to="c")
    assert by_step.values == by_id.values


def test_a_fork_at_the_input_runs_all_of_it_anew(app: App) -> None:
    start(app, large(50.0), thread="a")
    fork(app, thread="a", at=-1, to="b")
    copy = resume(app, thread="b")
    assert copy.path == ("router", "billing", "finish")
    assert "would be done: pay(order=1, amount=50.0)" in str(copy.outcome)
    assert PAID == [(1, 50.0)]


def test_what_had_happened_before_a_dry_fork_is_no_news_in_it(saver: Saver) -> None:
    app = desk().compile(checkpointer=saver)
    start(app, large(50.0), thread="a")
    fork(app, thread="a", to="b")
    again = start(app, large(50.0), thread="b", dry_run=True)
    assert again.outcome is not None
    assert (again.status, "thread 'a'" in again.outcome.reason) == ("escalated", True)
    other = start(app, large(50.0, order=2), thread="b", dry_run=True)
    assert other.outcome is not None
    assert other.outcome.evidence["would_be_done"] == ["pay(order=2, amount=50.0)"]
    assert PAID == [(1, 50.0)]


def test_a_fork_of_a_fork_knows_what_both_have_done(app: App) -> None:
    start(app, large(50.0), thread="a")
    fork(app, thread="a", to="b")
    start(app, large(50.0, order=2), thread="b", dry_run=True)
    fork(app, thread="b", to="c")
    for order, thread in ((1, "a"), (2, "b")):
        given = large(50.0, order=order)
        run = start(app, given, thread="c", dry_run=True)
        assert run.outcome is not None
        assert (run.status, f"thread '{thread}'" in run.outcome.reason) == ("escalated", True)


def test_an_answer_that_was_given_is_not_copied(app: App) -> None:
    source = start(app, large(), thread="a")
    at = step_of(app, "a", "approve")
    source.answer(approve(by="maria"))
    copy = fork(app, thread="a", at=at, to="b", effects="real")
    assert copy.status == "unfinished"
    assert resume(app, thread="b").status == "waiting"
    assert PAID == [(1, 500.0)]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"to": "a"}, RunError, "new thread"),
        ({"to": ""}, RunError, "new thread"),
        ({"to": "c"}, RunError, "exists"),
        ({"thread": "nobody"}, NoSuchRun, "nobody"),
        ({"at": "1f0"}, NoSuchRun, "1f0"),
        ({"at": 99}, NoSuchRun, "99"),
        ({"effects": "wet"}, DesignError, "wet"),
        ({"thread": "d", "effects": "real"}, RunError, "dry run"),
    ],
    ids=["itself", "none", "exists", "thread", "id", "step", "effects", "dry to real"],
)
def test_what_cannot_be_forked_is_refused(
    app: App, options: Mapping[str, Any], error: type[Exception], words: str
) -> None:
    start(app, large(), thread="a")
    start(app, large(), thread="c")
    start(app, large(), thread="d", dry_run=True)
    with pytest.raises(error, match=words):
        fork(app, **{"thread": "a", "to": "b", **options})
    with pytest.raises(NoSuchRun):
        look(app, thread="b")


def test_a_saver_without_a_journal_is_refused() -> None:
    app = desk().compile(checkpointer=InMemorySaver())
    start(app, large(), thread="a")
    with pytest.raises(DesignError, match="journal"):
        fork(app, thread="a", to="b")


def test_the_refusal_of_an_old_checkpoint_names_the_fork(app: App) -> None:
    start(app, large(50.0), thread="a")
    history = app.get_state_history({"configurable": {"thread_id": "a"}})
    old = next(s for s in history if "billing" in s.next)
    with pytest.raises(RunSuperseded, match=r"fork\(app, thread='a', at='1f"):
        app.invoke(None, old.config)


@pytest.mark.parametrize("amount", [50.0, 500.0])
@pytest.mark.parametrize("effects", ["dry", "real"])
def test_from_every_step_a_fork_ends_as_its_source_and_nothing_is_paid_twice(
    app: App, amount: float, effects: Any
) -> None:
    source = start(app, large(amount), thread="a")
    if source.waiting:
        source = source.answer(approve(by="maria"))
    saver: Any = app.checkpointer
    before = rows(saver, "a")
    history = [*app.get_state_history({"configurable": {"thread_id": "a"}})]
    assert len(history) > 4
    for snapshot in history:
        at, to = int((snapshot.metadata or {})["step"]), f"from {snapshot.next}"
        copy = fork(app, thread="a", at=at, to=to, effects=effects)
        copy = resume(app, thread=to)
        copy = copy.answer(approve(by="maria")) if copy.waiting else copy
        # A yes is for its own thread, so the fork needs one of its own; and of two threads that
        # share their claims, one other than the step that did it is told that it is done.
        ends = {"done"} if amount == 50.0 and effects == "dry" else {"done", "escalated"}
        assert copy.status in ends, to
    assert rows(saver, "a") == before
    paid = [(1, amount)]
    assert paid == PAID


class Outer(OrchestrationState, total=False):
    order: int
    amount: float
    asked: str


def ask(state: Mapping[str, Any]) -> dict[str, Any]:
    return {"asked": interrupt("which?")}


@pytest.mark.parametrize("lasting", [False, True])
def test_a_fork_takes_the_nested_graph_that_waits(saver: Saver, lasting: bool) -> None:
    inner = StateGraph(Outer)
    inner.add_node("look", lambda state: {"order": state["order"] + 1})
    inner.add_node("ask", ask)
    inner.add_edge(START, "look")
    inner.add_edge("look", "ask")
    outer = StateGraph(Outer)
    outer.add_node("inner", inner.compile(checkpointer=True if lasting else None))
    outer.add_edge(START, "inner")
    app = outer.compile(checkpointer=saver)
    source = start(app, {"order": 1}, thread="a")
    before = rows(saver, "a")
    copy = fork(app, thread="a", to="b")
    assert [w.packet for w in copy.waiting] == ["which?"]
    done = copy.answer("that")
    # Had the nested graph begun anew, `look` would have counted once more.
    assert (done.values["order"], done.values["asked"]) == (2, "that")
    assert rows(saver, "a") == before
    assert source.answer("this").values["asked"] == "this"


def test_a_nested_desk_is_dry_in_a_dry_fork(saver: Saver) -> None:
    outer = StateGraph(Outer)
    outer.add_node("desk", desk().compile())
    outer.add_edge(START, "desk")
    app = outer.compile(checkpointer=saver)
    start(app, large(), thread="a")
    copy = fork(app, thread="a", to="b").answer(approve(by="maria"))
    assert "a dry run" in str(copy.outcome)
    assert not PAID


class Summed(TypedDict, total=False):
    words: Annotated[list[str], DeltaChannel(lambda old, new: [*old, *(w for n in new for w in n)])]


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_a_thread_whose_values_lie_in_older_checkpoints_is_refused() -> None:
    graph = StateGraph(Summed)
    graph.add_node("say", lambda state: {"words": ["more"]})
    graph.add_edge(START, "say")
    app = graph.compile(checkpointer=checkpointer("memory://"))
    start(app, {"words": ["one"]}, thread="a")
    with pytest.raises(RunError, match="DeltaChannel"):
        fork(app, thread="a", to="b")


VOIDED: list[str] = []


def ship(order: int) -> str:
    """Ship an order."""
    PAID.append((order, 0.0))
    return f"parcel {order}"


def test_a_fork_takes_nothing_back_that_its_source_has_done() -> None:
    VOIDED.clear()
    shipping = effect(ship, key="ship:{order}", undo=VOIDED.append)
    contract = Contract(goal="Ship", needs=("order",), tools=(shipping,))
    graph = StateGraph(Outer)
    graph.add_node(
        "ship", Worker(agent=lambda request, tools: tools.ship(**request), contract=contract)
    )
    graph.add_node("ask", ask)
    graph.add_node("undo", Undo(effects=(shipping,)))
    graph.add_edge(START, "ship")
    graph.add_edge("ship", "ask")
    graph.add_edge("ask", "undo")
    app = graph.compile(checkpointer=checkpointer("memory://"))
    source = start(app, {"order": 1}, thread="a")
    real = fork(app, thread="a", to="b", effects="real").answer("stop")
    dry = fork(app, thread="a", to="c").answer("stop")
    assert not VOIDED
    assert "thread 'a' did it" in str(real.outcome)
    assert "dry run" in str(dry.outcome)
    assert source.answer("stop").status == "aborted"
    assert VOIDED == ["parcel 1"]


async def test_a_fork_in_async(saver: Saver) -> None:
    app = desk().compile(checkpointer=saver)
    await astart(app, large(), thread="a")
    copy = await afork(app, thread="a", to="b")
    done = await copy.aanswer(approve(by="maria"))
    assert "a dry run" in str(done.outcome)
    assert not PAID


async def test_a_copied_thread_is_a_real_fork_without_the_answers(saver: Saver) -> None:
    app = desk().compile(checkpointer=saver)
    source = start(app, large(), thread="a")
    await saver.acopy_thread("a", "b")
    assert mode_in(saver.journal, "b").scope == "a"
    copy = look(app, thread="b")
    assert (copy.status, copy.path) == (source.status, source.path)
    assert source.answer(approve(by="maria")).status == "done"
    assert copy.answer(approve(by="maria")).status == "escalated"
    assert PAID == [(1, 500.0)]
    with pytest.raises(CheckpointerError, match="exists"):
        saver.copy_thread("a", "b")


def test_a_copy_of_a_dry_run_is_dry(saver: Saver) -> None:
    app = desk().compile(checkpointer=saver)
    start(app, large(), thread="a", dry_run=True)
    saver.copy_thread("a", "b")
    assert "a dry run" in str(look(app, thread="b").answer(approve(by="maria")).outcome)
    assert not PAID


def test_an_answer_that_is_on_its_way_is_not_taken_along(saver: Saver) -> None:
    """Fork just after an answer was stored, and before its node has run with it."""

    def stop(state: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(interrupt("one?"))
        if not ready:
            raise OSError("cut off")
        return {"asked": asked[-1]}

    asked: list[Any] = []
    ready: list[bool] = []
    graph = StateGraph(Outer)
    graph.add_node("stop", stop)
    graph.add_edge(START, "stop")
    app = graph.compile(checkpointer=saver)
    run = start(app, {"order": 1}, thread="a")
    with pytest.raises(OSError, match="cut off"):
        run.answer("yes")
    ready.append(True)
    fork(app, thread="a", to="b")
    copy = resume(app, thread="b")
    assert copy.status == "waiting"
    assert copy.answer("no").values["asked"] == "no"
    saver.copy_thread("a", "c")
    assert resume(app, thread="c").status == "waiting"
    assert app.invoke(None, {"configurable": {"thread_id": "a"}})["asked"] == "yes"


def test_a_dry_fork_of_a_run_that_was_cut_off_in_an_effect_goes_on(saver: Saver) -> None:
    def pay(order: int) -> dict[str, Any]:
        raise PowerCut

    paying = effect(pay, key="{order}", dry=lambda order: {"receipt": f"dry {order}"})
    contract = Contract(goal="Pay", needs=("message",), tools=(paying,))
    worker = Worker(agent=lambda request, tools: tools.pay(order=1), contract=contract)
    app = create_single_agent(worker).compile(checkpointer=saver)
    with pytest.raises(PowerCut):
        start(app, {"message": "m"}, thread="a")
    fork(app, thread="a", to="b")
    ended = resume(app, thread="b")
    assert (ended.status, ended.results["work"]) == ("done", {"receipt": "dry 1"})
    assert ended.outcome is not None
    assert ended.outcome.reason.startswith("a dry run, in which no effect happens")
    assert resume(app, thread="a").status == "waiting"


def asks_after_paying(saver: Saver, cuts: list[int]) -> App:
    """Build a desk that asks a person once more when it has paid; the first payments are cut."""

    def pay(order: int) -> str:
        PAID.append(order)
        if len(PAID) in cuts:
            raise PowerCut
        return "paid"

    def agent(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        return {"paid": tools.pay(order=7), "said": str(interrupt("tell the customer?"))}

    contract = Contract(goal="pay", needs=("message",), tools=(effect(pay, key="{order}"),))
    app = create_single_agent(Worker(agent=agent, contract=contract)).compile(checkpointer=saver)
    with pytest.raises(PowerCut):
        start(app, {"message": "m"}, thread="a")
    fork(app, thread="a", to="b", effects="real")
    for thread in ("a", "b"):
        assert resume(app, thread=thread).waiting[0].packet["settle"] == "pay"
    return app


@pytest.mark.parametrize("second", ["happened", "did not happen"])
def test_a_word_that_comes_too_late_is_not_the_answer_to_another_question(
    saver: Saver, second: Any
) -> None:
    app = asks_after_paying(saver, cuts=[1])
    for thread, word in (("a", "happened"), ("b", second)):
        run = look(app, thread=thread).answer(settle(word, by="maria"))
        assert run.waiting[0].packet == "tell the customer?"
        assert run.answer("yes").results["work"]["said"] == "yes"
    assert PAID == [7]


def test_a_word_on_one_attempt_says_nothing_of_the_next_one_of_the_other_thread(
    saver: Saver,
) -> None:
    app = asks_after_paying(saver, cuts=[1, 2])
    with pytest.raises(PowerCut):
        look(app, thread="a").answer(settle("did not happen", by="maria"))
    run = look(app, thread="b").answer(settle("did not happen", by="maria"))
    assert (run.waiting[0].packet["begun"], PAID) == (2, [7, 7])
    run.answer(settle("happened", by="maria"))
    assert PAID == [7, 7]
