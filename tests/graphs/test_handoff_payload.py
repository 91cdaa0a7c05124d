"""Test handoffs within an allowed map: what is handed over, what is refused, and circles."""

from __future__ import annotations

import itertools
from typing import Any, NotRequired

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from typing_extensions import TypedDict

from quintet.checks import check
from quintet.errors import DesignError
from quintet.graphs import create_handoff
from quintet.nodes import Handoff, Recovery, Router, Worker, by_model, fallback, retry
from quintet.state import Budget, Contract, ConversationState, OrchestrationState, checkpointer
from quintet.testing import ScriptedModel
from tests.graphs.desks import HASTY, WAYS, door, reason, run
from tests.graphs.talks import PAID, PAYING, Talk, say


class Parcel(TypedDict):
    """What shipping needs of whoever hands over."""

    message: str
    order: int
    note: NotRequired[str]


def tells(request: Parcel) -> Any:
    return {"reply": f"parcel {request['order']}{request.get('note', '')}"}


def passes(to: str = "shipping", reason: str = "not mine", **payload: Any) -> Any:
    return lambda request: Handoff(to=to, reason=reason, payload=payload)


def made(agent: Any, needs: Any = ("message",), **options: Any) -> Worker:
    return Worker(agent=agent, contract=Contract(goal="Help", needs=needs, **options))


def desk(billing: Any, shipping: Any = tells, **options: Any) -> Any:
    workers = {"billing": made(billing), "shipping": made(shipping, Parcel)}
    given = {"handoffs": {"billing": ("shipping",)}, "recover": HASTY, **options}
    return create_handoff(door("billing"), {**workers, **given.pop("more", {})}, **given)


@pytest.mark.parametrize("way", WAYS)
async def test_the_payload_goes_to_who_takes_over_and_not_into_the_state(way: str):
    ended = await run(desk(passes(order=1042)), way, message="billing")
    assert (ended.status, ended.results) == ("done", {"shipping": {"reply": "parcel 1042"}})
    assert ended.path == ("router", "billing", "shipping", "finish")
    assert "order" not in ended.values


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ({}, "needs order, which the context lacks"),
        ({"order": "1042"}, "order"),
        ({"order": 1042, "colour": "red"}, "hands colour to shipping, whose contract does not"),
    ],
    ids=["missing", "of the wrong type", "unknown"],
)
async def test_a_handoff_that_lacks_something_is_refused_before_dispatch(payload: Any, why: str):
    ended = await run(desk(passes(**payload)), message="billing")
    assert (ended.status, ended.path) == ("escalated", ("router", "billing", "person"))
    assert why in reason(ended)
    assert ended.values["failures"][0]["kind"] == "contract"


async def test_a_handoff_outside_of_the_map_is_refused():
    ended = await run(desk(passes("technical", order=1)), message="billing")
    assert "may not hand off to 'technical'; it may to shipping" in reason(ended)


async def test_the_receivers_own_reading_of_the_state_counts():
    shipping = Worker(
        agent=tells,
        contract=Contract(goal="Ship", needs=Parcel),
        read=lambda state: {"message": state["message"], "order": 7},
    )
    graph = desk(passes(), more={"shipping": shipping})
    ended = await run(graph, message="billing")
    assert ended.results["shipping"] == {"reply": "parcel 7"}


async def test_who_takes_over_may_be_told_who_handed_it_over_and_why():
    heard: list[Any] = []
    graph = desk(
        passes(reason="it is late"),
        more={"shipping": made(lambda r: heard.append(r) or "ok", ("message", "handoff"))},
    )
    await run(graph, message="billing")
    assert heard[0]["handoff"] == {"by": "billing", "reason": "it is late"}


async def test_the_payload_goes_on_to_a_fallback():
    def breaks(request: Parcel) -> Any:
        raise KeyError("broken")

    graph = desk(
        passes(order=1042),
        breaks,
        more={"basic": made(tells, Parcel)},
        recover=Recovery(permanent=fallback("basic"), unknown=fallback("basic")),
    )
    ended = await run(graph, message="billing")
    assert ended.results == {"basic": {"reply": "parcel 1042"}}


async def test_a_retry_of_who_takes_over_has_the_payload():
    tries: list[int] = []

    def flaky(request: Parcel) -> Any:
        tries.append(request["order"])
        if len(tries) == 1:
            raise ConnectionError("down")
        return tells(request)

    ended = await run(desk(passes(order=1042), flaky), message="billing")
    assert (ended.status, tries) == ("done", [1042, 1042])


async def test_ping_pong_with_nothing_new_is_named_and_ends_at_a_person():
    workers = {"billing": made(passes("shipping")), "shipping": made(passes("billing"))}
    graph = create_handoff(
        door("billing"), workers, handoffs={"billing": ("shipping",), "shipping": ("billing",)}
    )
    ended = await run(graph, message="billing")
    assert ended.status == "escalated"
    assert reason(ended).endswith("nothing new: billing -> shipping -> billing")
    assert ended.path == ("router", "billing", "shipping", "billing", "person")


async def test_who_comes_back_with_something_new_is_no_ping_pong():
    found = iter([None, "in Paris"])

    def asks_first(request: Any) -> Any:
        place = next(found)
        return {"reply": place} if place else Handoff(to="shipping", reason="where is it?")

    def finds(request: Any) -> Any:
        return Handoff(to="billing", reason="it is in Paris")

    graph = create_handoff(
        door("billing"),
        {"billing": made(asks_first), "shipping": made(finds)},
        handoffs={"billing": ("shipping",), "shipping": ("billing",)},
    )
    ended = await run(graph, message="billing")
    assert (ended.status, ended.results) == ("done", {"billing": {"reply": "in Paris"}})


async def test_handoffs_that_are_new_each_time_end_at_the_limit_and_are_named():
    number = itertools.count()

    def new(to: str) -> Any:
        return lambda request: Handoff(to=to, reason=str(next(number)))

    budget = Budget(handoffs=4)
    graph = create_handoff(
        door("billing"),
        {"billing": made(new("shipping"), budget=budget), "shipping": made(new("billing"))},
        handoffs={"billing": ("shipping",), "shipping": ("billing",)},
    )
    ended = await run(graph, message="billing")
    assert ended.status == "escalated"
    assert "passed on 5 times: billing -> shipping -> billing" in reason(ended)


@pytest.mark.parametrize(
    ("handoffs", "why"),
    [
        ({"nobody": ("shipping",)}, "there is no Worker 'nobody'"),
        ({"billing": "shipping"}, r"give a tuple"),
        ({"billing": ("billing",)}, "hand over to itself"),
        ({"billing": ("gone",)}, "goes to 'gone', which this graph does not have"),
    ],
)
def test_a_map_that_fits_nothing_is_refused(handoffs: Any, why: str):
    with pytest.raises(DesignError, match=why):
        desk(passes(), handoffs=handoffs)


async def test_a_payload_for_a_node_whose_needs_nobody_knows_is_refused():
    def own(state: Any) -> dict[str, Any]:
        return {"results": {"own": "hello"}}

    options: dict[str, Any] = {"more": {"own": own}, "handoffs": {"billing": ("own",)}}
    ended = await run(desk(passes("own", order=1), **options), message="billing")
    assert "nobody knows what that needs" in reason(ended)
    plain = await run(desk(passes("own"), **options), message="billing")
    assert plain.status == "done"


def test_a_graph_with_a_map_of_handoffs_has_no_finding():
    assert check(desk(passes(order=1))) == ()


def transfer(**arguments: Any) -> dict[str, Any]:
    return {"name": "transfer_to_shipping", "args": {"reason": "a parcel", **arguments}}


def model_desk(model: ScriptedModel, **options: Any) -> Any:
    workers = {
        "billing": made(model, Talk, gives=str, questions=1),
        "shipping": made(model, Parcel, gives=str),
    }
    return create_handoff(
        Router(choose=by_model(model), to=("billing",), otherwise="person"),
        workers,
        handoffs={"billing": ("shipping",)},
        **{"state": ConversationState, **options},
    )


def route(to: str) -> dict[str, Any]:
    return {"to": to, "confidence": 0.9, "reason": "clear"}


@pytest.mark.parametrize("way", WAYS)
async def test_a_model_fills_in_what_the_receiver_needs_and_is_told_what_is_wrong(way: str):
    model = ScriptedModel(
        [route("billing"), transfer(), transfer(order="x"), transfer(order=1042), "It comes today."]
    )
    ended = await run(model_desk(model), way, message="where is my parcel?")
    assert (ended.status, ended.results) == ("done", {"shipping": "It comes today."})
    spec = next(tool for tool in model.calls[1].tools if tool["name"] == "transfer_to_shipping")
    assert sorted(spec["parameters"]["properties"]) == ["note", "order", "reason"]
    assert spec["parameters"]["properties"]["order"] == {"type": "integer"}
    assert spec["parameters"]["required"] == ["reason", "order"]
    assert "needs order, which the context lacks" in model.calls[2].messages[-1].text
    assert '"order":1042' in model.calls[-1].messages[-1].text


async def test_a_model_asks_the_customer_and_sees_the_talk_as_turns():
    model = ScriptedModel(
        [
            route("billing"),
            {"name": "ask_customer", "args": {"text": "Which order is it?"}},
            route("none"),
            "Refunded.",
        ]
    )
    app = model_desk(model).compile(checkpointer=checkpointer("memory://"))
    asked = await say(app, "sync", "I was charged twice")
    assert (asked.status, reason(asked)) == (
        "asked",
        "billing asks the customer: Which order is it?",
    )
    ended = await say(app, "sync", "it is 1042")
    assert (ended.status, ended.path) == ("done", ("router", "billing", "finish"))
    chooser, worker = model.calls[2], model.calls[3]
    assert "billing has asked the customer: 'Which order is it?'" in chooser.messages[0].text
    assert [type(message) for message in worker.messages] == [
        SystemMessage,
        HumanMessage,
        AIMessage,
        HumanMessage,
    ]
    assert worker.messages[2].text == "Which order is it?"
    assert '"message":"it is 1042"' in worker.messages[-1].text


async def test_a_model_recognises_a_new_request_in_the_middle():
    model = ScriptedModel(
        [
            route("billing"),
            {"name": "ask_customer", "args": {"text": "Which order is it?"}},
            route("billing"),
            "Refunded.",
        ]
    )
    app = model_desk(model).compile(checkpointer=checkpointer("memory://"))
    await say(app, "sync", "I was charged twice")
    assert (await say(app, "sync", "refund 1043")).status == "done"


async def test_a_model_may_not_ask_where_its_contract_does_not_say_so():
    model = ScriptedModel([route("shipping"), "It comes."])
    workers = {"shipping": made(model, gives=str)}
    router = Router(choose=by_model(model), to=("shipping",), otherwise="person")
    await run(create_handoff(router, workers), message="hm")
    assert not model.calls[1].tools


class Failing:
    """The ways in which a specialist fails in its turn, each with the outcome that is declared."""

    @staticmethod
    def raises(request: Any) -> Any:
        raise KeyError("broken")

    @staticmethod
    def times_out(request: Any) -> Any:
        raise TimeoutError("slow")

    @staticmethod
    def wrong_shape(request: Any) -> Any:
        return 7

    @staticmethod
    def claims(request: Any) -> Any:
        return {"reply": "I have paid it back"}

    @staticmethod
    def forbidden(request: Any, tools: Any) -> Any:
        return {"reply": str(tools.pay(order="1"))}

    @staticmethod
    def gives_nothing(request: Any) -> Any:
        return None


class Said(TypedDict):
    reply: str


def has_paid(request: Any, result: Said, actions: tuple[Any, ...]) -> bool:
    return "paid" not in result["reply"] or bool(actions)


@pytest.mark.parametrize(
    ("agent", "why"),
    [
        (Failing.raises, "KeyError: 'broken'"),
        (Failing.times_out, "TimeoutError: slow"),
        (Failing.wrong_shape, "gives Said, the agent returned 7"),
        (Failing.claims, "has_paid: does not hold"),
        (Failing.forbidden, "pay"),
        (Failing.gives_nothing, "gives Said, the agent returned None"),
    ],
    ids=["raises", "times out", "wrong shape", "claims falsely", "forbidden tool", "nothing"],
)
async def test_a_specialist_that_fails_after_a_handoff_ends_at_a_person(agent: Any, why: str):
    PAID.clear()
    shipping = made(agent, Parcel, gives=Said, success=(has_paid,))
    quick = Recovery(timeout=retry(2, wait=0), invalid=retry(2, wait=0))
    graph = desk(passes(order=1042), more={"shipping": shipping}, recover=quick)
    ended = await run(graph, message="billing")
    assert (ended.status, PAID) == ("escalated", [])
    assert why in reason(ended)


def test_a_tool_of_the_contract_may_not_have_the_name_of_the_question():
    @tool
    def ask_customer(text: str) -> str:
        """Ask."""
        return text

    with pytest.raises(DesignError, match="ask_customer"):
        made(ScriptedModel(["x"]), tools=(ask_customer, PAYING), questions=1)


async def test_a_node_outside_of_a_conversation_is_handed_over_to_as_before():
    workers = {"billing": made(passes("shipping")), "shipping": made(lambda r: {"reply": "ok"})}
    graph = create_handoff(
        door("billing"), workers, handoffs={"billing": ("shipping",)}, state=OrchestrationState
    )
    assert (await run(graph, message="billing")).status == "done"
