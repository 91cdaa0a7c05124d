from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quintet.errors import DesignError
from quintet.evals import Case, ToolCall
from quintet.evals.langsmith import ServiceError, pull_cases, push_cases
from tests.evals.langsmith.smith import KEY

CASES = (
    Case(id="bare", input="where is my parcel"),
    Case(
        id="full",
        input={"message": "refund me", "order": 7},
        route=("billing", "person"),
        calls=("look", ToolCall(name="refund", arguments={"order": 7})),
        outcome="done",
        escalate=False,
        approval=True,
        never=("void",),
        state={"refunded": True},
        answer="done so",
        tags=("money", "hard"),
        group="refunds",
    ),
    Case(id="lone", input={"input": "not bare"}, route="billing"),
)


def sent(smith):
    """Return the requests that change something."""
    return [call for call in smith.calls if call.split()[0] != "GET"]


def test_cases_come_back_as_they_went(client):
    push_cases(CASES, "desk", client=client)
    back = {case.id: case for case in pull_cases("desk", client=client)}
    assert back == {case.id: case for case in CASES}


def test_a_push_says_what_it_did(client):
    first = push_cases(CASES, "desk", client=client)
    assert (first.created, first.updated, first.kept) == (3, 0, 0)
    assert set(first.examples) == {case.id for case in CASES}
    assert str(first.id) in first.url


def test_a_second_push_changes_nothing(smith, client):
    push_cases(CASES, "desk", client=client)
    before = sent(smith)
    again = push_cases(CASES, "desk", client=client)
    assert (again.created, again.updated, again.kept) == (0, 0, 3)
    assert sent(smith) == before
    assert len(smith.examples) == 3


def test_a_case_that_changed_is_updated_in_its_place(smith, client):
    push_cases(CASES, "desk", client=client)
    ids = set(smith.examples)
    changed = Case(id="bare", input="where is my parcel", route="shipping", tags=("new",))
    done = push_cases([changed, *CASES[1:]], "desk", client=client)
    assert (done.created, done.updated, done.kept) == (0, 1, 2)
    assert set(smith.examples) == ids
    assert changed in pull_cases("desk", client=client)


def test_examples_of_others_are_left_alone(smith, client):
    push_cases(CASES, "desk", client=client)
    push_cases(CASES[:1], "desk", client=client)
    assert len(smith.examples) == 3


def test_the_notes_that_others_made_on_an_example_stay(smith, client):
    push_cases(CASES[:1], "desk", client=client)
    (example,) = smith.examples.values()
    example["metadata"]["looked_at_by"] = "maria"
    assert push_cases(CASES[:1], "desk", client=client).kept == 1
    changed = Case(id="bare", input="where is it now")
    push_cases([changed], "desk", client=client)
    assert example["metadata"]["looked_at_by"] == "maria"
    assert example["inputs"] == {"input": "where is it now"}


def test_tags_are_splits_and_metadata(smith, client):
    push_cases(CASES, "desk", client=client)
    examples = {each["metadata"]["quintet"]["id"]: each for each in smith.examples.values()}
    assert examples["full"]["metadata"]["dataset_split"] == ["money", "hard"]
    assert examples["full"]["metadata"]["tags"] == ["money", "hard"]
    assert examples["bare"]["metadata"]["dataset_split"] == ["base"]


def test_the_same_case_in_two_datasets_is_two_examples(smith, client):
    one = push_cases(CASES[:1], "one", client=client)
    other = push_cases(CASES[:1], "other", client=client)
    assert one.examples["bare"].id != other.examples["bare"].id
    assert len(smith.examples) == 2


def test_a_dataset_made_by_others_is_read_and_can_be_pushed_back(smith, client):
    dataset = client.create_dataset("theirs")
    smith.examples["7d0f5b0e-6a3e-4b57-9a58-1c8f3a3a2f00"] = {
        "id": "7d0f5b0e-6a3e-4b57-9a58-1c8f3a3a2f00",
        "dataset_id": str(dataset.id),
        "created_at": "2026-01-01T00:00:00+00:00",
        "inputs": {"question": "what is an agent"},
        "outputs": {"answer": "a loop"},
        "metadata": {"dataset_split": ["test"]},
    }
    (case,) = pull_cases("theirs", client=client)
    assert (case.input, case.answer, case.tags) == ("what is an agent", "a loop", ("test",))
    push_cases([case], "theirs", client=client)
    assert len(smith.examples) == 1
    assert pull_cases("theirs", client=client) == (case,)


def test_more_cases_than_a_page_holds_are_all_pulled(client):
    cases = [Case(id=str(number), input=f"message {number}") for number in range(230)]
    push_cases(cases, "desk", client=client)
    assert {case.id for case in pull_cases("desk", client=client)} == {case.id for case in cases}


def test_two_cases_of_one_id_are_refused(client):
    with pytest.raises(DesignError, match="same id"):
        push_cases([Case(id="a", input="x"), Case(id="a", input="y")], "desk", client=client)


def test_a_dataset_without_a_name_is_refused(client):
    with pytest.raises(DesignError, match="name"):
        push_cases(CASES, "", client=client)


def test_a_dataset_that_is_not_there_is_named(client):
    with pytest.raises(ServiceError, match="Dataset nowhere not found"):
        pull_cases("nowhere", client=client)


def test_the_environment_names_the_service_and_the_key(smith, monkeypatch):
    monkeypatch.setenv("LANGSMITH_ENDPOINT", smith.address)
    monkeypatch.setenv("LANGSMITH_API_KEY", KEY)
    push_cases(CASES[:1], "desk")
    assert pull_cases("desk") == CASES[:1]


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4, unique=True),
    flag=st.none() | st.booleans(),
)
def test_whatever_the_text_it_comes_back(smith, client, texts, flag):
    cases = [Case(id=f"c{number}", input=text, escalate=flag) for number, text in enumerate(texts)]
    name = f"d{len(smith.datasets)}"
    push_cases(cases, name, client=client)
    back = {case.id: case for case in pull_cases(name, client=client)}
    assert back == {case.id: case for case in cases}
