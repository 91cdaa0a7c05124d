"""Split a message that holds two requests into its parts, one for each desk that takes one."""

from __future__ import annotations

import re
from itertools import pairwise

from .reading import order_numbers

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\s*\n+\s*|;\s+")
_JOINT = re.compile(
    r"(?:(?<=[,;-])\s*|(?<=\s)(?=and\b))(?:and\s+)?\b(?:also|another thing|by the way|btw"
    r"|while (?:i'?m|we'?re) at it|on top of that|separately|one more thing)\b",
    re.IGNORECASE,
)
_OPENER = re.compile(
    r"^[\s\-*]*(?:(?:oh|and|then|ok|okay|so|right)\b[\s,]*)*"
    r"(?:also|another (?:thing|question|matter)|one (?:more|other|last) (?:thing|question)"
    r"|(?:the )?second(?:ly)?(?: thing| question| one)?|by the way|btw|plus|p\.?s\.?"
    r"|on top of that|on another (?:note|matter)|on a different note|different (?:thing|matter)"
    r"|separately|besides(?: that)?|additionally|in addition|unrelated(?:ly)?"
    r"|while (?:i'?m|we'?re) at it|something else|apart from that|\(?2[.):]|\(?b\))(?=\W|$)",
    re.IGNORECASE,
)
_TOPICS = {
    "money": r"refund\w*|reimburs\w*|invoices?|receipts?|charged|double charge\w*|paid|payments?"
    r"|bill(?:ed|ing)?|vat|money back|bank|credit card|my card|statement|took .{0,20}twice",
    "parcel": r"parcels?|packages?|deliver\w*|shipp\w*|shipment|tracking|courier|carrier|postcode"
    r"|address|arriv\w*|dispatch\w*|on its way|where(?: is|'?s) (?:my )?order|turned up|lost"
    r"|return\w*|delayed|send(?:ing)? .{0,30}\bback|send .{0,20}\b(?:again|to)",
    "product": r"set .{0,12}\bup|setting up|setup|pair\w*|connect\w*|wifi|bluetooth|warranty"
    r"|guarantee"
    r"|(?:turn|switch)(?:s|es)? (?:it )?on|reset|manual|freez\w*|frozen|flicker\w*|buzz\w*"
    r"|stopped working|(?:not|n'?t|never) (?:work\w*|charg\w*|start\w*)|firmware|update"
    r"|instructions",
    "other": r"wholesale|bulk|lawyer|solicitor|legal|press|journalist|my (?:personal )?data|account"
    r"|job|vacanc\w*|complain\w* about|newsletter",
}
_PATTERNS = {
    name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for name, words in _TOPICS.items()
}


def _topics(text: str) -> set[str]:
    return {name for name, pattern in _PATTERNS.items() if pattern.search(text)}


def _pieces(message: str) -> list[str]:
    """Cut the message after sentences and before connectors; joined, the pieces are the message.

    A connector that stands alone stays with the sentence that it opens.
    """
    cuts = {match.end() for match in _SENTENCE.finditer(message)}
    cuts |= {match.start() for match in _JOINT.finditer(message)}
    edges = [0, *sorted(cuts - {0, len(message)}), len(message)]
    pieces: list[str] = []
    carried = ""
    for start, end in pairwise(edges):
        carried += message[start:end]
        opener = _OPENER.match(carried)
        if not opener or carried[opener.end() :].strip(" .:,-!?\n"):
            pieces.append(carried)
            carried = ""
    return [*pieces, carried] if carried else pieces


def _opens(piece: str, before: str) -> bool:
    """Tell whether a connector starts a request of another kind, or about another order."""
    topics = _topics(piece)
    if not _OPENER.match(piece) or not topics or not _topics(before):
        return False
    other_order = set(order_numbers(piece)) - set(order_numbers(before))
    return bool(topics - _topics(before)) or bool(other_order)


def requests(message: str) -> list[str]:
    """Return the requests in a message, in order; a single request comes back whole.

    A part begins at a connector ("also", "and another thing", "2.") whose sentence speaks of
    something else than the text before it; "also the box was wet" begins none.
    """
    parts = [""]
    for piece in _pieces(message):
        if parts[-1].strip() and _opens(piece, parts[-1]):
            parts.append(piece)
        else:
            parts[-1] += piece
    return [part.strip() for part in parts]
