"""Read a customer's wants from their words, by each specialist for its own trade.

A claim that something was approved, agreed or urgent changes no want; `claims_approval` only
serves to tell the customer so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


def _plain(text: str) -> str:
    return text.replace("\u2019", "'").replace("_", " ")


def _words(*patterns: str) -> Callable[[str], bool]:
    pattern = re.compile(r"\b(?:" + "|".join(patterns) + r")", re.IGNORECASE)
    return lambda text: pattern.search(_plain(text)) is not None


_NOT = r"(?:not|\w*n'?t|never)"

unsafe = _words(
    r"smok(?:e|es|ed|ing|y)\b",
    r"burn(?:ing|t|ed)?\b[^.?!]{0,15}\b(?:smell|smelt|my|hand|finger)",
    r"smell\w*\b[^.?!]{0,20}\bburn",
    r"spark(?:s|ed|ing)?\b",
    r"overheat",
    r"swollen|swelling|bulging",
    r"shock(?:s|ed)?\b[^.?!]{0,20}\b(?:from|off|by|me|when)|electric(?:al)? shock|electrocut",
    r"fire\b(?! off)|flames?\b|explod|melt(?:s|ed|ing)?\b",
    r"(?:gets?|getting|got|gone|very|too|really|burning|extremely|red) hot\b",
)
beyond = _words(
    r"lawyer|solicitor|legal (?:action|claim|steps)|sue\b|small claims",
    r"journalist|reporter|press (?:office|enquiry)|newspaper",
    r"(?:delete|erase|remove|copy of|export)\b[^.?!]{0,40}\b(?:data|my account|stored about)",
    r"data (?:export|protection|request)|gdpr",
    r"wholesale|bulk (?:order|price)|resell|partnership|collab|sponsor",
    r"hiring|vacanc|job (?:opening|offer|application)|my cv\b",
    r"complain\w* about (?:the|your|a|one of)\b[^.?!]{0,20}\b(?:man|woman|staff|agent|colleague)",
    r"change\b[^.?!]{0,30}\be-?mail",
    r"cancel(?:l?ing)? (?:(?:the|my|this|an|whole|entire) )*(?:order|purchase|\d)",
)
claims_approval = _words(
    r"(?:pre-?)?approv(?:e|ed|al)\b",
    r"manager|supervisor|management|head of\b|your (?:colleague|team)",
    r"authori[sz]ation|authori[sz]ed|approval code|override",
    r"system\b|(?:previous|all|your) (?:\w+ )?(?:rules|checks)",
)
_repeated_contact = re.compile(
    r"\b(?:asked|wrote|written|called|e-?mailed|told|tried|contacted|phoned)\b(?:\W+\w+){0,4}?\W+"
    r"(?:twice|two times)\b",
    re.IGNORECASE,
)
_twice = _words(
    r"twice\b|two times\b|2 ?x\b|x ?2\b",
    r"doubl(?:e|ed|es|y)\b|duplicat\w*",
    r"(?:two|2) (?:\w+ ){0,2}(?:payments?|charges|debits|transactions)\b",
    r"(?:second|surplus|extra|additional) (?:charge|payment|debit)\b",
)
_money = _words(
    r"charg|bill(?:ed|ing)?\b|pa(?:y|id)|money|statement|account|bank|card\b|paypal",
    r"debit|refund|reimburs|took\b|pounds?\b|transaction",
)
_fault = _words(
    r"stopped working|no longer works?|worked (?:fine |well |ok )?(?:at first|until|for)\b",
    r"broke\b[^.?!]{0,20}\bafter|died\b|gave up",
)
_own_doing = _words(r"(?:i|we|my \w+) (?:\w+ )?(?:dropped|spil(?:led|t)|knocked|sat on|stepped on)")
_damage = _words(
    r"brok(?:e|en)\b|crack(?:ed|s)?\b|smash|shatter|dent(?:s|ed)?\b|scratch",
    r"damage[ds]?\b|bent\b|torn\b|chipped|in (?:pieces|bits)\b|leak(?:s|ed|ing)\b",
    r"wrong (?:item|product|thing|article|model|one|size)",
    r"(?:sent|got|received) (?:\w+ )?the wrong\b|not what (?:i|we) ordered",
)
_mind = _words(
    r"chang\w* (?:my|our) minds?\b",
    r"no longer (?:want|need)|(?:do|did|does)(?:n'?t| not) (?:\w+ )?(?:want|need|like|suit|fit)",
    r"not (?:want|need)ed|any ?more\b|regret|rather not keep|cheaper (?:elsewhere|somewhere)",
)
_refund = _words(
    r"refund\w*|money back|reimburs|(?:pay|paid|credit) (?:it |me |this |that )?back",
)
_asks_refund = _words(
    r"(?:please|pls|plz|kindly|can you|could you|(?:i|we)(?: would|'d)? (?:want|like)|want)\b"
    r"[^.?!]{0,60}\b(?:refund|money|reimburs|back\b|returned)",
    r"refund (?:please|pls|plz|me|it|one|order)\b",
)
_payment_question = _words(
    r"invoices?\b|receipts?\b|vat\b|proof of (?:purchase|payment)",
    r"how (?:did |do |have )?(?:i|we) (?:pay|paid)\b|which card did (?:i|we)",
    r"pay(?:ment)? method|method of payment",
    r"how much (?:did|have|was|were|i|we)\b|what (?:did|have) \w+ (?:pay|paid)\b",
    r"(?:has|have|had|was|were|did)\b[^.?!]{0,40}\brefund[^.?!]*\?",
    r"how (?:long|many days|soon)\b[^.?!]*\brefund|when (?:will|do|does|can)\b[^.?!]*\brefund",
    r"where is my refund|refund status",
)
_about_a_payment = _words(
    r"how (?:did |do |have )?(?:i|we) (?:pay|paid)\b|pay(?:ment)? method|method of payment",
    r"how much\b|what (?:did|have) \w+ (?:pay|paid)\b|(?:has|have|had|was|were|did)\b[^.?!]*refund",
    r"where is my refund|refund status|when (?:will|can) \b(?:i|we|my)\b",
)


def billing(text: str) -> str:
    """Return what is wanted of billing; empty when it cannot be made out."""
    twice = _paid_twice(text)
    damaged = _damage(text)
    claims = (twice or damaged) and _asks_refund(text)
    if _payment_question(text) and not claims:
        return "payment-info"
    if twice:
        return "duplicate"
    if damaged and not _own_doing(text):
        return "damaged"
    if (damaged or _fault(text)) and _refund(text):
        return "in-use"
    if _credit(text):
        return "late-credit"
    if not _refund(text):
        return ""
    return "change-of-mind" if _mind(text) else "no-ground"


def _paid_twice(text: str) -> bool:
    return _twice(_repeated_contact.sub(" ", text)) and (_money(text) or "£" in text)


def keeps_it(text: str) -> bool:
    """Tell whether the customer wants the money without sending anything back."""
    return _keeps(text)


_keeps = _words(r"(?<!not )keep\b|without (?:sending|returning|a return)")


def needs_payment_record(text: str) -> bool:
    """Tell whether a question about payments needs one order's record for its answer."""
    return _about_a_payment(text)


_says_delivered = _words(
    r"(?:marked|says?|said|shows?|showing|listed|recorded|status|claims?)\b[^.?!]{0,40}\bdelivered"
)
_not_here = _words(
    rf"{_NOT} (?:yet |actually |even )?(?:been )?(?:receiv|arriv|g[oe]t\b|turned up|come\b|here\b)",
    r"nothing (?:is |was |has )?(?:here|come|came|arrived|there)|no (?:sign|trace) of",
    r"(?:is|are|was)(?:n'?t| not) here|missing\b|lost\b",
)
_credit = _words(
    r"compensat",
    r"(?:delay|late)\w*\b[^.?!]{0,30}\b(?:credit|voucher|money off)",
    r"(?:off|discount|something|money)\b[^.?!]{0,15}\bfor the (?:late|delay)",
    r"credit\b[^.?!]{0,40}\b(?:late|delay)",
)
_back = _words(
    r"return(?:s|ed|ing)?\b(?! (?:address|to sender|to you|from holiday))",
    r"send(?:ing)?\b[^.?!]{0,40}\bback\b|go(?:ing)? back\b|giv\w+ [^.?!]{0,20}\bback\b",
)
_return_question = _words(
    r"how (?:long|many days|much time)\b|who pays|do i (?:have to )?pay",
    r"where (?:do|can|should) i (?:drop|bring|take)|until when",
    r"(?:return|returns) (?:policy|period|deadline)|what does (?:it|a return) cost|free of charge",
)
_open_return = _words(
    r"(?:please|pls|plz)\b|(?:i|we)(?: would|'d)? (?:want|like) to|open a\b|set up\b|arrange\b"
)
_elsewhere = _words(
    r"(?:change|new|correct|update|wrong|different|old|other)\b[^.?!]{0,40}\badd?ress",
    r"deliver(?:ed)?\b[^.?!]{0,60}\b(?:to|at) (?:my|our|an?|the|his|her|their|\d)",
    r"redirect|re-?rout|somewhere else|another place",
)
_again = _words(
    r"re-?sen[dt]\b|replacement\b|second parcel|needs? replacing",
    r"(?:send|dispatch) (?:\w+ )?(?:a|the) new\b",
    r"(?:sen[dt]|ship(?:ped)?|post(?:ed)?|dispatch(?:ed)?|mail(?:ed)?|deliver(?:ed)?)\b[^.?!]{0,60}"
    r"\b(?:again|another|once more|new one|second|replacement)",
)
_where = _words(
    r"where\b|wheres\b|when\b|track|arriv|deliver|ship(?:ped|ping|ment)?\b|dispatch|courier",
    r"carrier|delay|late\b|waiting|status|parcel|package|due\b|any news (?:on|about|of)",
    r"lost\b|left (?:the|your) warehouse|happen(?:ing|ed) (?:to|with)\b",
)


def shipping(text: str, order: Json | None, address: str | None) -> str:
    """Return what is wanted of shipping; empty when it cannot be made out."""
    delivered = order is not None and order["status"] == "delivered"
    if _not_here(text) and (delivered or _says_delivered(text)):
        return "not-received"
    if _paid_twice(text):
        return ""
    if _credit(text):
        return "late-credit"
    if _back(text):
        asked = _return_question(text) and not _open_return(text)
        return "return-info" if asked else "return"
    if _again(text):
        return "resend"
    if address or _elsewhere(text):
        return "address"
    return "where" if _where(text) and not billing(text) else ""


_cover = _words(r"warrant|guarantee|covered?\b")
_setup = _words(
    r"(?<!my )(?<!the )(?<!of )(?<!a )pair\b|pair(?:s|ing|ed)\b|(?:re)?connect|install",
    r"set(?:ting)? (?:it |this |them )?up\b(?! (?:the|a) return)|set-?up\b",
    r"wi-?fi\b|bluetooth|network\b|first time|manual\b|instructions",
)
_trouble = _words(
    rf"{_NOT} (?:\w+ )?(?:work|charg|start|respond|(?:turn|switch) (?:it )?(?:on|off))",
    r"stop(?:s|ped) working|no longer|(?:turn|switch)(?:s|es)? (?:itself )?off|keeps \w+ing",
    r"freez|frozen|flicker|buzz|hum(?:s|ming)?\b|noise|crackl|silent|defect|fault",
    r"reset|update|repair",
)


def technical(text: str) -> str:
    """Return what is wanted of technical; empty when it cannot be made out."""
    if _asks_refund(text):
        return ""
    if _cover(text):
        return "warranty"
    if _fault(text):
        return "help"
    if _setup(text):
        return "setup"
    return "help" if _trouble(text) else ""


def by_wear(text: str) -> bool:
    """Tell whether the customer describes wear, a drop or water, which no guarantee covers."""
    return _wear(text)


_wear = _words(
    r"worn\b|wear\b|wore out|dropped|fell (?:off|down|on)|water\b[^.?!]{0,15}\bdamage|spil(?:led|t)"
)
