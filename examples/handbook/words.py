"""Reduce a question to the words that carry meaning, as the handbook writes them."""

from __future__ import annotations

import re

_STOP = frozenset(
    re.findall(
        r"\w+",
        """
        a about above after again ahead all also am an and any are as at be been before begin by can
        company could did do does each else every exactly far feel for from get give given had
        happen happens has have here how i if in into is it its know like long make many may me
        meanwhile morning much must my need no not now of off on one only or our out over own say
        shall should so some stay take tell than that the their them then there these they this
        those through to up us want was we were what when where which while who whom will with would
        year you your
        """,
    )
)
_ALIKE: dict[str, str] = {
    r"\b(?:pto|vacations?|holidays?|annual leave)\b(?! pay)": "paid time off",
    r"\btime off\b": "paid time off",
    r"\b(?:leftover|remaining)\b": "unused",
    r"\binto next year|for next year\b": "carried over",
    r"\b(?:turn(?:ed)? down|decline|say no)\b": "refused",
    r"\b(?:boss|supervisor)\b": "manager",
    r"\bmust i ask\b": "ask request",
    r"\b(?:ill|unwell|illness)\b": "sick",
    r"\bfell sick during\b": "sick note during paid",
    r"\b(?:adopting|adopt|baby|newborn|maternity|paternity)\b": "adoption parental leave",
    r"\b(?:died|death|passed away)\b": "dies bereavement",
    r"\b(?:grandmother|grandfather)\b": "grandparents",
    r"\b(?:summoned|subpoena)\b": "summons court",
    r"\bextra hours?\b": "overtime hour",
    r"\b(?:home office|at home|remotely)\b": "from home",
    r"\bfrom (?:spain|france|italy|portugal|germany|greece|overseas)\b": "another country",
    r"\b(?:reimbursed|reimbursement)\b": "paid back",
    r"\b(?:receipts?)\b": "receipts expenses",
    r"\b(?:fly|flying|flights?|business class)\b": "flights travel class",
    r"\b(?:food|daily allowance|per diem)\b": "meals trip",
    r"\b(?:beer|wine)\b": "alcohol meals",
    r"\b(?:courses?|seminar)\b": "training course",
    r"\b(?:wages|paycheck)\b": "salaries",
    r"\b(?:dentist|teeth)\b": "dental treatment insurance",
    r"\b(?:resign|quit|hand in my notice)\b": "notice",
    r"\b(?:supplier|vendor)\b.*\bgave\b": "business partner gifts",
    r"\b(?:customers)\b.*\bwrong address\b": "customer data leak loss",
    r"\bwatch\b": "gifts value",
}


def terms(text: str) -> list[str]:
    """Return the stems of the words that carry meaning; words of the same meaning become one."""
    said = text.lower().replace("\u2019", "'").replace("'s", "")
    for pattern, words in _ALIKE.items():
        said = re.sub(pattern, words, said)
    found: list[str] = re.findall(r"[a-z]+", said)
    return [_stem(word) for word in found if not {word, _stem(word)} & _STOP]


def _stem(word: str) -> str:
    for ending in ("ies", "ing", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word
