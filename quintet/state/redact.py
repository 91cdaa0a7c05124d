"""Keep the values of revealed secrets out of text and data: a mask with the name is put for each.

A value can be found only once it was revealed in this process, and in the form that it was revealed
in, JSON's, Python's or a URL's. Nothing else is known about text that a user writes.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from typing import Any, NamedTuple
from urllib.parse import quote

SHORTEST = 8
"""The fewest letters of a value that is looked for: fewer stand in any text by chance."""

MOST = 1024
"""The most values that are looked for; the one that was revealed longest ago is dropped."""


class _Form(NamedTuple):
    """Hold one way in which a value may stand in a text."""

    text: str
    head: str
    mask: str


class _Revealed:
    """Hold the values that were revealed in this process."""

    def __init__(self) -> None:
        self.forms: tuple[_Form, ...] = ()
        self._masks: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, value: str, name: str) -> None:
        mask = f"***{name}***"
        with self._lock:
            known = self._masks.get(value)
            self._masks[value] = mask
            self._masks.move_to_end(value)
            if known == mask:
                return
            while len(self._masks) > MOST:
                self._masks.popitem(last=False)
            forms = {form: mask for value, mask in self._masks.items() for form in _forms(value)}
            # The longest first: one value may be part of another.
            longest = sorted(forms, key=len, reverse=True)
            self.forms = tuple(_Form(text, _head(text), forms[text]) for text in longest)


def _forms(value: str) -> set[str]:
    forms = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    forms |= {repr(value)[1:-1], " ".join(value.split())}
    forms.add(quote(value.encode("utf-8", "surrogatepass"), safe=""))
    return {form for form in forms if len(form) >= SHORTEST}


def _head(text: str) -> str:
    # Texts are cut, by `repr(value)[:60]` and the like: half a value is as good as a whole one.
    return text[: max(12, len(text) // 2)]


_revealed = _Revealed()


def note_revealed(value: str, name: str) -> None:
    """Remember a value, so that it is masked wherever it shows up from now on."""
    if len(value) >= SHORTEST:
        _revealed.add(value, name)


def redacted(text: str) -> str:
    """Give a text with a mask for each value of a secret that was revealed in this process."""
    for form in _revealed.forms:
        at = text.find(form.head)
        while at >= 0:
            text = f"{text[:at]}{form.mask}{text[_end(text, at) :]}"
            at = text.find(form.head, at + len(form.mask))
    return text


def _end(text: str, at: int) -> int:
    """Find the end of what of a value stands here; forms of one value may begin alike."""
    return at + max(_alike(form.text, text, at) for form in _revealed.forms)


def _alike(form: str, text: str, at: int) -> int:
    """Count the letters from here on that are the form's."""
    pairs = enumerate(zip(form, text[at : at + len(form)], strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(form), len(text) - at))


def redacted_data(value: Any) -> Any:
    """Give plain data with a mask for each revealed value in its texts, its keys included."""
    if not _revealed.forms:
        return value
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {redacted_data(key): redacted_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_data(item) for item in value]
    return value


def has_revealed(data: bytes) -> bool:
    """Say whether a revealed value, or its first half, stands in bytes."""
    return any(form.head.encode("utf-8", "surrogatepass") in data for form in _revealed.forms)


class _Masking(logging.Filter):
    """Mask revealed values in what is logged, its traceback included."""

    def filter(self, record: logging.LogRecord) -> bool:
        if _revealed.forms:
            record.msg, record.args = redacted(record.getMessage()), ()
            if record.exc_info and not record.exc_text:
                # A formatter takes this text where it is there, and makes its own where not.
                record.exc_text = redacted(logging.Formatter().formatException(record.exc_info))
        return True


# On the logger and not on a handler: whoever configures logging cannot forget it.
logging.getLogger("quintet").addFilter(_Masking())
