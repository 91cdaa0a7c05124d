"""Turn customers' phrases into bounded regular expressions, for the written rules."""

from __future__ import annotations

import re

GAP = r"\b[^.!?]{0,45}\b"
"""The meaning of ` .. ` in a phrase: some words of the same sentence."""

WORDS = {
    "NOT": "(won't|wouldn't|doesn't|does not|dosent|do not|don't|didn't|did not|can't|cannot"
    "|can not|couldn't|could not|isn't|is not|aren't|are not|wasn't|weren't|hasn't|has not"
    "|haven't|have not|will not|not|never|no longer|fails? to|failed to|refuses? to|unable to"
    "|stop(s|ped)?)",
    "GOODS": "(kett(le|el)s?|lamps?|bulbs?|sp[ea]{1,2}kers?|he(a|e)d ?(ph|f)ones?|ear ?(phone"
    "|bud)s?|headset|(web)?cam(era)?s?|routers?|(smart ?)?watch(es)?|keyboards?|mouse|grinders?"
    r"|coffee( \w+)?|back ?packs?|bags?|radio|toaster|charger|printer|products?|items?|thing"
    "|device|machine|goods)",
    "PACK": "(o?rde?rs?|oder|parcel|package|delivery|shipment|stuff|GOODS)",
    "HURT": "(broken|broke in|cracked|smashed|shattered|dented|scratched|scuffed|busted"
    "|banged up|bashed|chipped|bent|torn|ripped|damaged|burst|in (pieces|bits|shards)"
    r"|to (pieces|bits)|shards|crushed|squashed|soaked|snapped|an? (\w+ )?(crack|dent|scratch"
    "|chip|hole|tear|rip|split|mark)|(dent|scratch)(s|es))",
    "CAME": "(arriv(ed|es|al)|c[ao]me(?! (off|loose|apart|undone|out))|turned up|delivered"
    r"|delivery|rec[ei]{1,2}ved|got here|showed up|unpack\w*|unwrap\w*|unbox\w*|(opened|opening"
    "|in) (up )?(the|my) (box|package|parcel)|out of (the|its) (box|packaging)|in transit"
    "|transport|in the post|brand new|on the way|when i (got|opened) it|got today|(took"
    "|taking) it out|the (carton|parcel))",
    "WRONG": "(wrong|incorrect|different) (item|product|colou?r|size|model|thing|one|article"
    "|type|version|order(?! number)|GOODS)",
    "SPAN": r"(\d+|an?|one|two|three|four|five|six|few|several|some) (\w+ )?(day|week|month"
    "|year)s?",
    "SHOP": "(amazon|e-?bay|zalando|media ?markt|curry'?s|argos|john lewis|tesco|asos|ikea"
    "|temu|aliexpress|etsy|walmart|best ?buy|netflix|spotify|vodafone|(another|a different"
    "|some other) (shop|store|company|retailer|website|seller))",
}
"""The lists that a word in capitals stands for."""


def says(phrases: str) -> str:
    """Build a pattern for any of these phrases, split at semicolons, as whole words.

    In a phrase a space is any white space, an apostrophe may be missing, ` .. ` is up to 45
    characters of the same sentence, and a word in capitals stands for a list of `WORDS`. The rest
    is regular expression.
    """
    text = re.sub(r"\s*\n\s*(?=\||\(\?!)", "", phrases)
    text = "|".join(part.strip() for part in re.sub(r"\s+", " ", text).strip(" ;").split(";"))
    for _ in range(2):  # a list may name another list
        text = re.sub(r"\b[A-Z]{3,}\b", lambda match: WORDS[match[0]], text)
    text = text.replace(" .. ", GAP).replace("'", "['\u2019`]?")
    text = text.replace(" ?", r"\s{0,3}").replace(" ", r"\s{1,3}")
    return rf"(?<!\w)({text})(?!\w)"


def both(one: str, other: str) -> str:
    """Build a pattern for texts that have both, in either order."""
    return rf"\A(?=[\s\S]*?{one})[\s\S]*?{other}"


def but_not(one: str, other: str) -> str:
    """Build a pattern for texts that have the first and nowhere the other."""
    return rf"\A(?![\s\S]*?{other})[\s\S]*?{one}"
