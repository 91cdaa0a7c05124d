from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from quintet.state import Claim, MemoryJournal

keys = st.sampled_from("ab")
moves = st.lists(st.tuples(st.sampled_from(["claim", "settle", "release"]), keys), max_size=20)


@given(moves)
def test_a_key_is_claimed_once_until_it_is_given_back(given: list[tuple[str, str]]) -> None:
    journal, held = MemoryJournal(), dict[str, str]()
    for number, (move, key) in enumerate(given):
        if move == "claim":
            standing = journal.claim("s", key, f"task {number}")
            assert (standing is None) == (key not in held)
            if standing is not None:
                assert standing.status == held[key]
            held.setdefault(key, "claimed")
        elif move == "settle" and key in held:
            journal.settle("s", key, number)
            held[key] = "done"
        elif move == "release":
            journal.release("s", key)
            held.pop(key, None)


def test_the_standing_claim_says_whose_it_is_and_what_came_of_it() -> None:
    journal = MemoryJournal()
    assert journal.claim("s", "k", "me") is None
    assert journal.claim("s", "k", "you") == Claim(key="k", owner="me")
    journal.settle("s", "k", {"receipt": 1})
    assert journal.claim("s", "k", "me") == Claim(
        key="k", owner="me", status="done", result={"receipt": 1}
    )


def test_scopes_do_not_see_each_other() -> None:
    journal = MemoryJournal()
    assert journal.claim("one", "k", "me") is None
    assert journal.claim("two", "k", "me") is None


def test_of_many_at_once_one_gets_the_claim() -> None:
    journal, gate, won = MemoryJournal(), threading.Barrier(16), list[int]()

    def race(number: int) -> None:
        gate.wait()
        if journal.claim("s", "k", str(number)) is None:
            won.append(number)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(won) == 1


def test_a_full_journal_forgets_the_oldest_scope_that_is_settled() -> None:
    journal = MemoryJournal(most=2)
    for scope in ("one", "two", "three"):
        assert journal.claim(scope, "k", "me") is None
        journal.settle(scope, "k", 1)
    assert journal.claim("three", "k", "me") is not None
    assert journal.claim("one", "k", "me") is None


def test_an_effect_that_is_under_way_is_settled_whatever_else_is_claimed() -> None:
    journal = MemoryJournal(most=1)
    assert journal.claim("slow", "k", "me") is None
    assert journal.claim("quick", "k", "you") is None
    journal.settle("slow", "k", 1)
    standing = journal.claim("slow", "k", "me")
    assert standing is not None
    assert standing.result == 1
