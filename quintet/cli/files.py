"""The files that `quintet eval` writes: where they may stand, and what is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quintet.cli.streams import is_stream, write_stream
from quintet.errors import DesignError
from quintet.evals.compare import Compared
from quintet.evals.output import Looks, checked, replaced
from quintet.evals.report import Report
from quintet.evals.reports import junit, markdown, page
from quintet.evals.reports.kinds import is_junit, is_markdown, is_page


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form in which a report is written into a file.

    Args:
        make: its text.
        looks: whether a file that begins like this is one.
        kind: its name.
    """

    make: Callable[[Report, Compared | None], str]
    looks: Looks
    kind: str


FORMS: Mapping[str, Form] = {
    "html": Form(make=page, looks=is_page, kind="page of a report"),
    "junit": Form(
        make=lambda report, _: junit(report), looks=is_junit, kind="JUnit XML of a report"
    ),
    "markdown": Form(make=markdown, looks=is_markdown, kind="Markdown of a report"),
}


@dataclass(frozen=True, slots=True)
class Output:
    """A file that an option names, settled before anybody's code can change folder or home.

    Args:
        option: the option's name, such as `html`.
        shown: the path as it was given.
        path: the same from the root.
    """

    option: str
    shown: str
    path: str

    @classmethod
    def of(cls, option: str, given: str, folder: str) -> Output:
        """Settle a path; `~` is opened here, since no shell does it behind an equals sign."""
        return cls(option, given, os.path.join(folder, os.path.expanduser(given)))

    @property
    def is_stream(self) -> bool:
        """Whether it is written to as it stands, such as /dev/stdout."""
        return is_stream(self.path)

    def place(self) -> Path:
        """Return where a report goes.

        Raises:
            DesignError: something else is there, or nothing can be written there.
        """
        form = FORMS[self.option]
        with self.named():
            return checked(self.path, form.looks, form.kind, shown=self.shown)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Put the option's name in front of a refusal."""
        try:
            yield
        except DesignError as problem:
            raise DesignError(f"--{self.option}: {problem}") from problem


def check_reports(outputs: Iterable[Output]) -> None:
    """Refuse files that could not be written at the end, or that hold something else.

    Raises:
        DesignError: the option and the file are named.
    """
    for each in outputs:
        if not each.is_stream:
            each.place()


def check_apart(outputs: Iterable[Output]) -> None:
    """Refuse one file for two things.

    Raises:
        DesignError: the options and the file are named.
    """
    taken: dict[str, Output] = {}
    for each in outputs:
        other = taken.setdefault(os.path.realpath(each.path), each)
        if other is not each and not each.is_stream:
            raise DesignError(
                f"--{other.option} and --{each.option} both name {each.shown}: give two files"
            )


def write_reports(outputs: Iterable[Output], report: Report, against: Compared | None) -> None:
    """Write a report into each file, in the place of an earlier one.

    Raises:
        DesignError: something else stands there by now.
    """
    for each in outputs:
        data = FORMS[each.option].make(report, against).encode()
        if each.is_stream:
            write_stream(each.path, data)
        else:
            replaced(each.place(), [data])
