from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel, SecretStr

from quintet.cli.main import cli
from quintet.graphs import create_handoff
from quintet.nodes import ApprovalGate, Recovery, Router, Worker, effect, escalate
from quintet.runs import Run, approve, look, start
from quintet.state import (
    Contract,
    Decision,
    DesignError,
    Failure,
    OrchestrationState,
    Outcome,
    Secret,
    StepFailed,
    checkpointer,
    digest,
    plain,
)
from quintet.state.failure import in_words
from quintet.state.redact import redacted
from tests.security.stores import STORES, everything_in, rows_of, store_url

CANARIES = {
    "CANARY_ARGUMENT": "canary-argument-7f3a9c51e0",
    "CANARY_STATE": "canary-state-0b5d2e8846",
    "CANARY_CONFIG": "canary-config-93cc41fa77",
    "CANARY_ERROR": 'canary-error-5566aadd10 with "quotes" and\na line é',
}
FORMS = [value.split("\n")[0].split('"')[0].strip() for value in CANARIES.values()]


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)


class Desk(OrchestrationState, total=False):
    order: str
    token: Any
    seen: list[Any]


CHARGED: list[str] = []


def charge(order: str, key: Secret) -> dict[str, Any]:
    """Charge an order."""
    value = key.reveal()
    CHARGED.append(value)
    # A receiver that echoes the key back, as some do.
    return {"receipt": f"paid with {value}"}


def billing(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
    order = request["order"]
    if order == "fails":
        raise RuntimeError(f"401 for {Secret('env:CANARY_ERROR').reveal()}")
    got = tools.charge(order=order, key=Secret("env:CANARY_ARGUMENT"))
    logging.getLogger("quintet").warning("charged with %s", Secret("env:CANARY_STATE").reveal())
    return {
        "reply": f"{got} {Secret('env:CANARY_STATE').reveal()}",
        "seen": [{"deep": (Secret("env:CANARY_STATE").reveal(), Secret("env:CANARY_STATE"))}],
    }


def desk(saver: Any) -> Any:
    paying = effect(charge, key="charge:{order}:{key}")
    graph = create_handoff(
        Router(choose=lambda _: "billing", to=("billing",), otherwise="person"),
        {
            "billing": Worker(
                agent=billing, contract=Contract(goal="Pay", needs=("order",), tools=(paying,))
            )
        },
        gate=ApprovalGate(when=lambda a: a.arguments["order"] == "asks", approvers=("maria",)),
        recover=Recovery(otherwise=escalate()),
        state=Desk,
    )
    return graph.compile(checkpointer=saver)


def run(app: Any, order: str) -> Run:
    config = {
        "configurable": {
            "by_reference": Secret("env:CANARY_CONFIG"),
            "by_pydantic": SecretStr(CANARIES["CANARY_CONFIG"]),
            "revealed": Secret("env:CANARY_CONFIG").reveal(),
            "api_key": "canary-raw-but-named-api-key",
        },
        "metadata": {"note": Secret("env:CANARY_CONFIG").reveal()},
    }
    given = {"message": "pay", "order": order, "token": Secret("env:CANARY_STATE")}
    return start(app, given, thread=f"t-{order}", config=config)  # type: ignore[arg-type]


@STORES
def test_no_secret_is_kept_shown_or_logged_however_a_run_ends(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with store_url(kind, tmp_path) as url:
        with checkpointer(url) as saver:
            app = desk(saver)
            done, failed, waiting = (run(app, order) for order in ("o-1", "fails", "asks"))
            assert (done.status, failed.status, waiting.status) == (
                "done",
                "escalated",
                "waiting",
            )
            packet = repr(waiting.waiting)
            assert "env:CANARY_ARGUMENT" in packet
            before = len(CHARGED)
            answered = look(app, thread="t-asks").answer(approve(by="maria"))
            assert answered.status == "done", answered
            assert CHARGED[before:] == [CANARIES["CANARY_ARGUMENT"]]
            shown = [str(each) + repr(each) for each in (failed, waiting, packet)]
        kept = everything_in(url)
        for thread in ("t-o-1", "t-fails", "t-asks"):
            result = CliRunner().invoke(cli, ["runs", "show", thread, "--db", url, "--json"])
            assert result.exit_code == 0, result.output
            shown.append(result.output)
        assert {name for name, _ in rows_of(url)} >= {"quintet_journal", "checkpoints"}
    for canary in (*FORMS, "canary-raw-but-named-api-key"):
        assert canary.encode() not in kept
        assert canary not in "".join(shown)
        assert canary not in caplog.text
    assert b"env:CANARY_STATE" in kept  # by reference
    assert b"***CANARY_ARGUMENT***" in kept
    assert b"***CANARY_CONFIG***" in kept
    assert b"***api_key***" in kept
    assert "***CANARY_STATE***" in caplog.text


def test_a_secret_in_the_state_comes_back_as_a_secret() -> None:
    secret = Secret("env:CANARY_STATE")

    def keep(state: Desk) -> dict[str, Any]:
        return {"seen": [state["token"].reveal()[:6], interrupt("go on?")]}

    graph: StateGraph[Any] = StateGraph(Desk)
    graph.add_node("keep", keep)
    graph.add_edge(START, "keep")
    app = graph.compile(checkpointer=checkpointer("sqlite://"))
    config: Any = {"configurable": {"thread_id": "t"}}
    app.invoke({"token": secret}, config)
    assert app.get_state(config).values["token"] == secret


class Login(BaseModel):
    user: str
    password: SecretStr


class Own(SecretStr):
    """A secret type of the user's own."""


@pytest.mark.parametrize(
    "value",
    [
        SecretStr("bare"),
        Own("bare"),
        {"a": [SecretStr("bare")]},
        Login(user="eve", password=SecretStr("bare")),
    ],
    ids=["itself", "own", "nested", "model"],
)
@STORES
def test_a_pydantic_secret_is_refused_wherever_it_stands(
    value: Any, kind: str, tmp_path: Path
) -> None:
    def put(state: Desk) -> dict[str, Any]:
        return {"token": value}

    def ask(state: Desk) -> dict[str, Any]:
        return {"seen": [interrupt(value)]}

    with store_url(kind, tmp_path) as url, checkpointer(url, allow=[Login]) as saver:
        for node in (put, ask):
            graph: StateGraph[Any] = StateGraph(Desk)
            graph.add_node("node", node)
            graph.add_edge(START, "node")
            app = graph.compile(checkpointer=saver)
            with pytest.raises(DesignError, match=r"is a secret.*keep quintet\.state\.Secret"):
                app.invoke(
                    {"order": "1"},
                    {"configurable": {"thread_id": node.__name__}},
                    durability="sync",
                )
        assert b"bare" not in everything_in(url)


def test_text_about_secret_types_is_kept_as_it_is() -> None:
    saver = checkpointer("sqlite://")
    text = {"doc": "pydantic.types SecretStr and SecretBytes", "n": 1.5, (1, 2): b"x"}
    kind, data = saver.serde.dumps_typed(text)
    assert saver.serde.loads_typed((kind, data)) == text


def test_a_reference_in_a_text_is_used_only_where_code_has_declared_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NOBODY_NAMED_THIS", "private")
    paying = effect(charge, key="charge:{order}")
    with pytest.raises(DesignError, match="no code of this process has declared it"):
        paying.action(order="1", key="env:NOBODY_NAMED_THIS")
    with pytest.raises(DesignError, match="no code of this process has declared it"):
        paying.action(order="1", key="file:/etc/passwd")
    # Nor where a checkpoint brings it back, which somebody may have altered.
    stored = checkpointer("sqlite://").serde.dumps_typed(Secret("env:CANARY_STATE"))
    altered = stored[1].replace(b"CANARY_STATE", b"CANARY_STEAL")
    again = checkpointer("sqlite://").serde.loads_typed((stored[0], altered))
    with pytest.raises(DesignError, match="no code of this process has declared it"):
        again.reveal()


@pytest.mark.parametrize(
    "text", ["sk_live_51Habcdef", "", "env:", "nosuch:thing", "file:relative/path"]
)
def test_a_value_in_place_of_a_reference_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(DesignError) as problem:
        Secret(text)
    assert len(text) < 8 or text not in str(problem.value)
    paying = effect(charge, key="charge:{order}")
    with pytest.raises(DesignError) as problem:
        paying.action(order="1", key=text)
    assert len(text) < 8 or text not in str(problem.value)


def test_a_revealed_value_as_an_argument_is_refused_and_not_shown() -> None:
    value = Secret("env:CANARY_ARGUMENT").reveal()

    def send(to: str) -> None:
        """Send."""

    with pytest.raises(DesignError, match="holds the value of a secret") as problem:
        effect(send, key="send").action(to=f"Bearer {value}")
    assert "canary" not in str(problem.value)
    with pytest.raises(DesignError, match="its key holds the value of a secret"):
        effect(charge, key=lambda order, key: key.reveal()).action(
            order="1", key=Secret("env:CANARY_ARGUMENT")
        )


def test_secrets_are_found_in_files_and_by_resolvers(tmp_path: Path) -> None:
    file = tmp_path / "stripe"
    file.write_text("from-a-file-123\n")
    assert Secret(f"file:{file}").reveal() == "from-a-file-123"
    Secret.resolver("vault", lambda name: f"vault-value-of-{name}")
    assert Secret("vault:team/stripe").reveal() == "vault-value-of-team/stripe"
    assert redacted("x vault-value-of-team/stripe") == "x ***stripe***"
    with pytest.raises(DesignError, match="cannot be found, or is empty"):
        Secret("env:SURELY_NOT_SET_ANYWHERE").reveal()
    with pytest.raises(DesignError, match="cannot be read: FileNotFoundError"):
        Secret(f"file:{tmp_path}/none").reveal()
    with pytest.raises(DesignError, match="give a word other than env and file"):
        Secret.resolver("env", str)


def test_a_secret_never_shows_its_value_and_compares_by_reference() -> None:
    secret = Secret("env:CANARY_STATE")
    value = secret.reveal()
    for text in (str(secret), repr(secret), f"{secret}", json.dumps(plain({"a": [secret]}))):
        assert value not in text
        assert "env:CANARY_STATE" in text
    assert pickle.loads(pickle.dumps(secret)) == secret == Secret("env:CANARY_STATE")
    assert digest(secret) == digest("env:CANARY_STATE")


def test_records_errors_and_text_hold_the_mask() -> None:
    value = Secret("env:CANARY_ERROR").reveal()
    decision = Decision(node="n", kind="route", choice="a", reason=f"because of {value}")
    failure = Failure(node="n", kind="permanent", error="E", message=f"no {value}")
    failed = StepFailed(failure, {"seen": [value, {value: 1}]})
    outcome = Outcome(status="aborted", reason=value)
    texts = [json.dumps(plain(each), ensure_ascii=False) for each in (decision, failure, outcome)]
    texts += [str(failed), repr(failed), in_words(RuntimeError(f"401: {value}"))]
    texts.append(in_words(ValueError("x" * 480 + value)))  # cut inside the value
    for text in texts:
        assert FORMS[3] not in text
        assert "canary-error-5566" not in text
        assert "***CANARY_ERROR***" in text or len(text) == 500


def test_the_journal_and_its_open_list_hold_the_mask() -> None:
    value = Secret("env:CANARY_ERROR").reveal()
    with checkpointer("sqlite://") as saver:
        saver.journal.append("t", "effect x", "done", {"a": [value], value: 1})
        saver.journal.open("t", "q", {"packet": f"about {value}"})
        kept = [entry.value for entry in saver.journal.read("t", "effect x")]
        kept += [waiting.value for waiting in saver.journal.opened()]
    mask = "***CANARY_ERROR***"
    assert kept == [{"a": [mask], mask: 1}, {"packet": f"about {mask}"}]


@given(
    before=st.text(max_size=20),
    after=st.text(max_size=20),
    value=st.text(min_size=12, max_size=60),
    cut=st.integers(0, 30),
)
def test_a_revealed_value_is_masked_wherever_it_stands_and_however_it_is_cut(
    before: str, after: str, value: str, cut: int
) -> None:
    Secret.resolver("drawn", lambda _: value)
    Secret("drawn:it").reveal()
    text = before + value + after
    assert value not in redacted(text)
    half = before + value[: max(12, len(value) // 2) + cut]
    assert value[: max(12, len(value) // 2)] not in redacted(half)
    assert redacted(redacted(text)) == redacted(text)
