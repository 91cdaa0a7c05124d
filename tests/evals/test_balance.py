"""Count the labels of cases, and warn of a set that is uneven."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quintet.evals import Case
from quintet.evals.analysis.balance import balance


def cases(**labels):
    """Make so many cases of each route, each with a text of its own."""
    return [
        Case(input=f"{route} {number}", route=route)
        for route, many in labels.items()
        for number in range(many)
    ]


def warned(given, part):
    return [warning for warning in balance(given).warnings if part in warning]


def test_an_even_set_has_no_warnings():
    even = balance(cases(billing=10, shipping=10, person=10))
    assert even.warnings == ()
    assert even.counts == {"route": {"billing": 10, "shipping": 10, "person": 10}}


def test_the_biggest_class_is_what_always_saying_it_would_score():
    given = [*cases(billing=5, person=1)]
    assert balance(given).biggest["route"] == 5 / 6
    assert warned(given, "always saying 'billing' would score 0.83")


def test_a_class_just_under_four_fifths_is_not_warned_of():
    assert not warned(cases(billing=39, person=10), "always saying")
    assert warned(cases(billing=40, person=10), "always saying")


def test_of_several_acceptable_labels_each_counts():
    given = [Case(input="a", route=("x", "y")), Case(input="b", route="x")]
    assert balance(given).counts["route"] == {"x": 2, "y": 1}
    assert balance(given).biggest["route"] == 1.0


def test_small_classes_are_told_in_one_sentence():
    (said,) = warned(cases(billing=10, a=1, b=2, c=3, d=4, person=5), "fewer than")
    assert said.startswith("route: 4 classes have fewer than 5 cases (d 4, c 3, b 2, and 1 more)")


def test_a_set_in_which_nobody_needs_a_person_is_told():
    assert warned(cases(billing=5, shipping=5), "no case must go to a person")
    assert not warned(cases(billing=5, person=5), "no case must go")
    assert not warned([*cases(billing=5), Case(input="x", escalate=True)], "no case must go")
    assert not warned([*cases(billing=5), Case(input="x", outcome="escalated")], "no case must go")
    assert not warned([Case(input="x", calls=["a"])], "no case must go")


def test_one_input_under_two_labels_is_a_contradiction():
    given = [
        Case(id="a", input="Where is  it?", route="shipping"),
        Case(id="b", input="where is it?", route="billing"),
    ]
    (said,) = warned(given, "contradicting")
    assert "'Where is it?' (a, b)" in said
    assert not warned(given, "more than once")


def test_one_input_twice_with_the_same_label_is_a_repeat():
    given = [Case(id=name, input="hi", route=route) for name, route in (("a", "xy"), ("b", "xy"))]
    assert warned(given, "1 input stands more than once")
    assert not warned(given, "contradicting")


def test_acceptable_labels_in_another_order_are_no_contradiction():
    given = [Case(id=r[0], input="hi", route=r) for r in (("x", "y"), ("y", "x"))]
    assert not warned(given, "contradicting")


def test_inputs_that_differ_in_another_key_are_not_the_same():
    given = [
        Case(id=who, input={"message": "hi", "sender": who}, route=who) for who in ("ann", "ben")
    ]
    assert not warned(given, "stand")


def test_flags_and_tags_are_counted():
    given = [
        Case(input="a", escalate=True, approval=False, tags=("short", "angry")),
        Case(input="b"),
    ]
    even = balance(given)
    assert even.counts["escalate"] == {"yes": 1}
    assert even.counts["approval"] == {"no": 1}
    assert even.counts["tags"] == {"short": 1, "angry": 1}
    assert even.labelled["tags"] == 1
    assert not warned(given, "tags:")


def test_it_prints_one_line_a_kind_and_one_a_warning():
    even = balance(cases(billing=5, person=1))
    lines = str(even).splitlines()
    assert lines[0] == "6 cases"
    assert " ".join(lines[1].split()) == "route 6 labelled, biggest 0.83: billing 5, person 1"
    assert [line.lstrip(" !") for line in lines[2:]] == list(even.warnings)


def test_no_cases_are_no_mistake():
    assert balance([]).warnings == ()
    assert str(balance([])) == "0 cases"


@given(
    st.lists(
        st.builds(
            Case,
            input=st.text(max_size=3),
            route=st.none() | st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple),
            escalate=st.none() | st.booleans(),
        )
    )
)
def test_no_label_is_counted_more_often_than_there_are_cases(given):
    even = balance(given)
    for kind, counts in even.counts.items():
        assert max(counts.values()) <= even.labelled[kind] <= even.cases
        assert sum(counts.values()) >= even.labelled[kind]
