"""Test that each fault of a model service ends as the desk's policy declares for its class."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from quintet.graphs import create_single_agent
from quintet.nodes import Recovery, Worker, abort, retry
from quintet.runs import Run
from quintet.state import Contract, checkpointer
from tests.aimock import Aimock, Reply, call, chaos, status, text
from tests.http import faulty as odd
from tests.http.conftest import Begin
from tests.http.desks import (
    ORDER,
    ROUTING,
    TOKENS,
    WORKING,
    Desk,
    answer,
    asked,
    chat,
    refund,
    route,
)
from tests.http.faulty import Act, Faulty

HASTY = 0.25
"""The client's patience, in seconds, where a test wants it to run out."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault of the service, the class that it is, and the number of tries by the policy."""

    says: str
    reply: Reply
    kind: str
    error: str
    attempts: int
    patience: float = 20.0

    def __str__(self) -> str:
        return self.says.replace(" ", "-")


RETRIED = [
    Fault(
        says="429",
        reply=status(429, type="rate_limit_error"),
        kind="rate_limit",
        error="OpenAIRateLimitError",
        attempts=3,
    ),
    Fault(says="500", reply=status(500), kind="transient", error="OpenAIAPIError", attempts=3),
    Fault(says="503", reply=status(503), kind="transient", error="OpenAIAPIError", attempts=3),
    Fault(says="504", reply=status(504), kind="timeout", error="OpenAIAPIError", attempts=2),
    Fault(says="408", reply=status(408), kind="timeout", error="APIStatusError", attempts=2),
    Fault(
        says="disconnect",
        reply=chaos(disconnectRate=1),
        kind="transient",
        error="OpenAIConnectionError",
        attempts=3,
    ),
    Fault(
        says="malformed body",
        reply=chaos(malformedRate=1),
        kind="invalid",
        error="JSONDecodeError",
        attempts=2,
    ),
    Fault(
        says="too slow",
        reply=chaos(latencyMs=3000),
        kind="timeout",
        error="OpenAITimeoutError",
        attempts=2,
        patience=HASTY,
    ),
    Fault(
        says="text in place of the answer tool",
        reply=text("I have refunded it, have a nice day."),
        kind="invalid",
        error="ContractBroken",
        attempts=2,
    ),
    Fault(
        says="an answer that cites what there is not",
        reply=answer(cites="the manager"),
        kind="invalid",
        error="ContractBroken",
        attempts=2,
    ),
    Fault(
        says="an answer without a required field",
        reply=call("Resolution", {"cites": "refunds"}),
        kind="invalid",
        error="ContractBroken",
        attempts=2,
    ),
    Fault(
        says="an answer that was cut off",
        reply=text('{"reply": "It is', finishReason="length"),
        kind="invalid",
        error="ContractBroken",
        attempts=2,
    ),
    Fault(
        says="an answer that a filter stopped",
        reply=text("It", finishReason="content_filter"),
        kind="invalid",
        error="ContractBroken",
        attempts=2,
    ),
]
HOPELESS = [
    Fault(
        says="401",
        reply=status(401, type="authentication_error"),
        kind="denied",
        error="OpenAIAuthenticationError",
        attempts=1,
    ),
    Fault(
        says="403",
        reply=status(403),
        kind="denied",
        error="OpenAIPermissionDeniedError",
        attempts=1,
    ),
    Fault(
        says="400",
        reply=status(400, type="invalid_request_error"),
        kind="permanent",
        error="OpenAIInvalidRequestError",
        attempts=1,
    ),
    Fault(
        says="404",
        reply=status(404),
        kind="permanent",
        error="OpenAIModelNotFoundError",
        attempts=1,
    ),
]
ENDS = {
    "transient": ("fallback:basic", "done"),
    "permanent": ("fallback:basic", "done"),
    "rate_limit": ("escalate:person", "escalated"),
    "timeout": ("escalate:person", "escalated"),
    "invalid": ("escalate:person", "escalated"),
    "denied": ("escalate:person", "escalated"),
}
"""The remedies that the policy in desks.py declares when the attempts are used up."""


@pytest.mark.parametrize("fault", RETRIED, ids=str)
async def test_a_fault_that_passes_is_tried_again_and_the_run_is_done(
    aimock: Aimock, begin: Begin, fault: Fault
) -> None:
    desk = Desk(model=chat(aimock.base_url, timeout=fault.patience), routed=True)
    aimock.on(WORKING, fault.reply, answer(usage=TOKENS))
    run = await begin(desk.app(), asked())
    assert run.status == "done"
    assert run.values["results"]["billing"]["reply"] == "It is refunded."
    assert run.values["spent"]["retries"] == 1
    assert run.values["spent"]["steps"] == 2
    assert run.values["spent"]["tokens"] >= TOKENS["total_tokens"]
    assert [d.choice for d in run.decisions if d.kind == "retry"] == ["attempt 2"]
    assert run.values.get("failures", []) == []


@pytest.mark.parametrize("fault", [*RETRIED, *HOPELESS], ids=str)
async def test_a_fault_that_stays_ends_as_the_policy_declares(
    aimock: Aimock, begin: Begin, fault: Fault
) -> None:
    desk = Desk(model=chat(aimock.base_url, timeout=fault.patience), routed=True)
    aimock.always(WORKING, fault.reply)
    run = await begin(desk.app(), asked())
    remedy, outcome = ENDS[fault.kind]
    assert run.status == outcome
    [failure] = run.values["failures"]
    assert (failure["node"], failure["kind"], failure["error"]) == (
        "billing",
        fault.kind,
        fault.error,
    )
    assert failure["attempts"] == fault.attempts
    assert failure["remedy"] == remedy
    assert run.values["spent"].get("retries", 0) == fault.attempts - 1
    kind, _, target = remedy.replace("escalate", "escalation").partition(":")
    assert (run.decisions[1].kind, run.decisions[1].choice) == (kind, target)
    assert target in run.path
    assert desk.paid == []


@pytest.mark.parametrize("fault", [f for f in RETRIED if f.patience > 1], ids=str)
async def test_a_fault_reaches_the_service_as_often_as_the_policy_tries(
    aimock: Aimock, begin: Begin, fault: Fault
) -> None:
    desk = Desk(model=chat(aimock.base_url), routed=True)
    aimock.always(WORKING, fault.reply)
    await begin(desk.app(), asked())
    assert len(aimock.sent()) == fault.attempts


async def test_an_effect_before_a_fault_happens_once_though_the_work_is_done_again(
    aimock: Aimock, begin: Begin
) -> None:
    desk = Desk(model=chat(aimock.base_url), routed=True)
    aimock.on(WORKING, refund(40.0), status(500), refund(40.0), answer())
    run = await begin(desk.app(), asked())
    assert run.status == "done"
    assert desk.paid == [(ORDER, 40.0)]
    told = json.loads(aimock.sent()[-1]["messages"][-1]["content"])
    assert told == {"receipt": 1}, "the second attempt gets the first one's receipt"
    assert [d.choice for d in run.decisions if d.kind == "effect"] == [f"refund:{ORDER}:40.0"]


async def test_an_effect_before_a_lasting_fault_is_undone_where_the_policy_says_abort(
    aimock: Aimock, begin: Begin
) -> None:
    recover = Recovery(transient=retry(2, wait=0.01), otherwise=abort())
    desk = Desk(model=chat(aimock.base_url), routed=True, recover=recover)
    aimock.on(WORKING, refund(40.0), status(500), status(500))
    run = await begin(desk.app(), asked())
    assert run.status == "escalated", "a refund without an undo stays, and a person must know"
    assert desk.paid == [(ORDER, 40.0)]
    assert run.outcome is not None
    assert "stays done" in run.outcome.reason


async def test_a_model_that_never_answers_ends_as_exhausted(aimock: Aimock, begin: Begin) -> None:
    desk = Desk(model=chat(aimock.base_url), routed=True, recover=Recovery())
    aimock.always(WORKING, call("lookup_order", {"order_id": ORDER}))
    run = await begin(desk.app(), asked())
    assert run.status == "exhausted"
    assert run.values["failures"][0]["error"] == "BudgetExhausted"
    assert len(aimock.sent()) == 8, "as many model calls as the contract's budget gives"


async def test_a_routing_model_that_is_down_hands_over_to_a_person(
    aimock: Aimock, begin: Begin
) -> None:
    recover = Recovery(transient=retry(3, wait=0.01))
    desk = Desk(model=chat(aimock.base_url), recover=recover)
    aimock.always(ROUTING, status(503))
    run = await begin(desk.app(), asked())
    assert run.status == "escalated"
    assert run.path[-1] == "person"
    assert aimock.statuses() == [503, 503, 503]
    [failure] = run.values["failures"]
    assert (failure["node"], failure["kind"]) == ("router", "transient")
    assert run.outcome is not None
    assert run.outcome.evidence["packet"]["tried"][0].startswith("router: transient")


@pytest.mark.parametrize(
    "reply",
    [status(429), chaos(malformedRate=1), text("billing, I would say"), route("nobody")],
    ids=["429", "malformed", "text", "a-route-that-is-not-offered"],
)
async def test_a_routing_model_that_fails_once_routes_at_the_second_attempt(
    aimock: Aimock, begin: Begin, reply: Reply
) -> None:
    desk = Desk(model=chat(aimock.base_url))
    aimock.on(ROUTING, reply, route("billing"))
    aimock.on(WORKING, answer())
    run = await begin(desk.app(), asked())
    assert run.status == "done"
    assert run.values["route"] == "billing"
    retries = [(d.node, d.choice) for d in run.decisions if d.kind == "retry"]
    assert retries == [("router", "attempt 2")]
    assert run.values["spent"]["retries"] == 1


BROKEN_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "issue_refund", "arguments": '{"order_id": 1042, "amount": '},
}
ANSWERED = odd.said(
    None,
    tool_calls=[
        {
            "id": "call_2",
            "type": "function",
            "function": {
                "name": "Resolution",
                "arguments": json.dumps({"reply": "It is refunded.", "cites": "refunds"}),
            },
        }
    ],
)


def served(faulty: Faulty, *acts: Act, patience: float = 20.0) -> Desk:
    faulty.play(*acts)
    return Desk(model=chat(faulty.base_url, timeout=patience), routed=True)


ODD = {
    "half a body": (odd.cut, "transient"),
    "a reset": (odd.reset, "transient"),
    "an empty body": (odd.body(""), "invalid"),
    "a bad gateway's page": (odd.body("<html>bad gateway</html>", 502, "text/html"), "transient"),
    "a refusal": (odd.said(None, refusal="I cannot help with that."), "invalid"),
    "nothing said": (odd.said(""), "invalid"),
}


@pytest.mark.parametrize(("act", "kind"), ODD.values(), ids=[k.replace(" ", "-") for k in ODD])
async def test_what_a_service_does_oddly_is_tried_again_too(
    faulty: Faulty, begin: Begin, act: Act, kind: str
) -> None:
    run = await begin(served(faulty, act, ANSWERED).app(), asked())
    assert run.status == "done"
    assert run.values["spent"]["retries"] == 1
    again = await begin(served(faulty, act).app(), asked())
    [failure] = again.values["failures"]
    assert failure["kind"] == kind
    assert again.status == ENDS[kind][1]


async def test_a_body_that_never_comes_is_a_timeout(faulty: Faulty, begin: Begin) -> None:
    run = await begin(served(faulty, odd.stall, ANSWERED, patience=HASTY).app(), asked())
    assert run.status == "done"
    again = await begin(served(faulty, odd.stall, patience=HASTY).app(), asked())
    assert again.status == "escalated"
    assert again.values["failures"][0]["kind"] == "timeout"


async def test_a_connection_that_was_closed_while_idle_is_no_fault(
    faulty: Faulty, begin: Begin
) -> None:
    first = await begin(served(faulty, odd.closing(ANSWERED)).app(), asked())
    assert faulty.hung_up.wait(20)
    second = await begin(served(faulty, ANSWERED).app(), asked())
    for run in (first, second):
        assert run.status == "done"
        assert "retries" not in run.values["spent"]


async def test_arguments_that_are_not_json_go_back_to_the_model(
    faulty: Faulty, begin: Begin
) -> None:
    desk = served(faulty, odd.said(None, tool_calls=[BROKEN_CALL]), ANSWERED)
    run = await begin(desk.app(), asked())
    assert run.status == "done"
    assert desk.paid == []
    last = faulty.sent[-1]["messages"][-1]
    assert (last["role"], last["tool_call_id"]) == ("tool", "call_1")
    assert "not JSON" in last["content"]


async def test_a_model_that_says_nothing_is_never_done(faulty: Faulty, begin: Begin) -> None:
    for act in (odd.said(""), odd.said(None, refusal="I cannot help with that.")):
        run = await _untyped(faulty, act, begin)
        assert run.status == "escalated"
        assert run.values["failures"][0]["kind"] == "invalid"
        assert run.values["failures"][0]["attempts"] == 2


async def _untyped(faulty: Faulty, act: Act, begin: Begin) -> Run:
    faulty.play(act)
    worker = Worker(
        agent=chat(faulty.base_url), contract=Contract(goal="Answer", needs=("message",))
    )
    app = create_single_agent(worker, recover=Recovery(invalid=retry(2, wait=0.01)))
    return await begin(app.compile(checkpointer=checkpointer("memory://")), {"message": "hi"})
