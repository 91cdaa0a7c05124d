from __future__ import annotations

import pytest
from pydantic import BaseModel

from quintet.errors import DesignError
from quintet.testing import ScriptedPerson, ScriptExhausted

APPROVE = {"answer": "approve", "by": "maria"}
REJECT = {"answer": "reject", "by": "maria"}
PACKET = {"gate": "approve", "action": {"name": "refund", "arguments": {"amount": 40}}}


class Answer(BaseModel):
    answer: str


def test_answers_come_in_order():
    person = ScriptedPerson([APPROVE, REJECT])
    assert person(PACKET) == APPROVE
    assert person({"gate": "other"}) == REJECT
    assert person.asked == [PACKET, {"gate": "other"}]


def test_a_function_answers_from_the_packet():
    person = ScriptedPerson(
        lambda packet: APPROVE if packet["action"]["arguments"]["amount"] <= 100 else REJECT
    )
    assert person(PACKET) == APPROVE
    assert person({"action": {"arguments": {"amount": 101}}}) == REJECT


def test_an_answer_may_be_whatever_the_run_takes():
    assert ScriptedPerson([Answer(answer="approve")])(PACKET) == Answer(answer="approve")
    assert ScriptedPerson(iter([None]))(PACKET) is None


def test_a_packet_is_kept_as_it_was_asked():
    def spoil(packet):
        packet["action"]["arguments"]["amount"] = 0
        return APPROVE

    packet = {"action": {"arguments": {"amount": 40}}}
    person = ScriptedPerson(spoil)
    person(packet)
    assert packet["action"]["arguments"]["amount"] == 0
    assert person.asked[0]["action"]["arguments"]["amount"] == 40


def test_an_exhausted_person_says_at_which_question_and_gate():
    person = ScriptedPerson([APPROVE])
    person(PACKET)
    with pytest.raises(ScriptExhausted) as caught:
        person(PACKET)
    assert str(caught.value) == (
        "script exhausted at question 2 (gate 'approve'): add an answer or pass a function"
    )
    with pytest.raises(ScriptExhausted, match="at question 3: add an answer"):
        person({})
    assert len(person.asked) == 3


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("approve", "single answer"),
        (APPROVE, "single answer"),
        (Answer(answer="approve"), "single answer"),
        (Answer, "single answer"),
        (True, "not a script: give a list of answers"),
    ],
)
def test_one_answer_alone_is_refused(answers, message):
    with pytest.raises(DesignError, match=message):
        ScriptedPerson(answers)


def test_the_repr_says_where_the_script_stands():
    person = ScriptedPerson([APPROVE, REJECT])
    person(PACKET)
    assert repr(person) == "ScriptedPerson(1 of 2 taken)"
