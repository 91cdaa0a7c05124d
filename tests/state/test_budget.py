from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.state import Budget, BudgetExhausted, DesignError, Spending
from quintet.state.budget import RESOURCES, add_spending

amounts = st.integers(0, 1000)
spendings = st.dictionaries(st.sampled_from(RESOURCES), amounts).map(
    lambda given: Spending(**given)
)
budgets = st.dictionaries(st.sampled_from(RESOURCES), amounts | st.none()).map(
    lambda given: Budget(**given)  # type: ignore[arg-type]
)


@given(spendings, spendings, spendings)
def test_spending_adds_up_in_any_grouping_and_order(a: Spending, b: Spending, c: Spending) -> None:
    assert add_spending(add_spending(a, b), c) == add_spending(a, add_spending(b, c))
    assert add_spending(a, b) == add_spending(b, a)


@given(spendings)
def test_nothing_is_neutral_and_none_starts_anew(spent: Spending) -> None:
    assert add_spending(spent, {}) == spent == add_spending({}, spent) == add_spending(None, spent)
    assert add_spending(spent, None) == {}


@given(spendings, spendings)
def test_adding_changes_neither_side(a: Spending, b: Spending) -> None:
    before = (dict(a), dict(b))
    add_spending(a, b)
    assert (a, b) == before


@given(budgets, spendings)
def test_a_limit_is_reached_where_nothing_is_left(budget: Budget, spent: Spending) -> None:
    left = budget.left(spent)
    reached = budget.over(spent)
    assert (reached is not None) == any(amount == 0 for amount in left.values())
    assert all(amount >= 0 for amount in left.values())
    if reached is not None:
        assert left[reached.partition(":")[0]] == 0  # type: ignore[literal-required]


@given(budgets, spendings, spendings)
def test_spending_more_never_brings_anything_back(
    budget: Budget, spent: Spending, more: Spending
) -> None:
    if budget.over(spent):
        assert budget.over(add_spending(spent, more))


@given(budgets, budgets, spendings)
def test_a_budget_within_another_is_reached_with_the_first_of_both(
    inner: Budget, outer: Budget, spent: Spending
) -> None:
    both = inner.within(outer)
    assert both == outer.within(inner)
    assert bool(both.over(spent)) == bool(inner.over(spent) or outer.over(spent))
    assert both.within(both) == both == both.within(Budget())


@given(budgets, spendings)
def test_check_raises_where_over_names_a_limit(budget: Budget, spent: Spending) -> None:
    reached = budget.over(spent)
    if reached is None:
        budget.check(spent, who="billing")
        return
    with pytest.raises(BudgetExhausted) as problem:
        budget.check(spent, who="billing")
    assert str(problem.value) == f"billing: budget reached, {reached}"


def test_the_message_has_both_figures() -> None:
    assert Budget(tokens=100).over({"tokens": 140}) == "tokens: 140 of 100 spent"


@pytest.mark.parametrize(
    "limit", [-1, float("nan"), "3", True], ids=["negative", "nan", "text", "bool"]
)
def test_what_is_not_a_limit_is_refused_by_name(limit: object) -> None:
    with pytest.raises(DesignError, match=r"Budget\(tokens="):
        Budget(tokens=limit)  # type: ignore[arg-type]
