"""Tell our own reports from other files, by how they begin: only they are ever replaced."""

from __future__ import annotations

import re

_WORD = rb"(?:pass|MISS|no gates)"
_PAGE = re.compile(rb'<!doctype html>\n<html lang="en"><head>[^\n]*?<title>' + _WORD + rb": ")
_JUNIT = re.compile(rb"<\?xml[^>]*\?>\s*<testsuites [^>]*\bname=\"quintet\"")
_MARKDOWN = re.compile(rb"### [^\n]*: (" + _WORD + rb")\n\n\*\*\1\*\*")


def is_page(begins: bytes) -> bool:
    """Tell whether a file that begins like this is a page by `page`."""
    return _PAGE.match(begins) is not None


def is_junit(begins: bytes) -> bool:
    """Tell whether a file that begins like this is XML by `junit`."""
    return _JUNIT.match(begins) is not None


def is_markdown(begins: bytes) -> bool:
    """Tell whether a file that begins like this is Markdown by `markdown`."""
    return _MARKDOWN.match(begins) is not None
