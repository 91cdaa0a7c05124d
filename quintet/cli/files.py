"""Check and write the files of `quintet eval`: where they may stand, and their content."""

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
        make: writes a report as text.
        looks: tells whether a file that begins like this has the form.
        kind: the form's name, for a refusal.
    """

    make: Callable[[Report, Compared | None], str]
    looks: Looks
    kind: str


FORMS: Mapping[str, Form] = {
    "html": Form(make=page, looks=is_page, kind="page of a report"),
    "junit": Form(make=junit, looks=is_junit, kind="JUnit XML of a report"),
    "markdown": Form(make=markdown, looks=is_markdown, kind="Markdown of a report"),
}


@dataclass(frozen=True, slots=True)
class Output:
    """A file that an option names, resolved before a suite's code can change the folder or HOME.

    Args:
        option: the option's name, such as `html`.
        shown: the path as the user wrote it.
        path: the absolute path.
    """

    option: str
    shown: str
    path: str

    @classmethod
    def of(cls, option: str, given: str, folder: str) -> Output:
        """Resolve a path from a folder, and `~` in it, which no shell expands in `--html=~/x`."""
        return cls(option, given, os.path.join(folder, os.path.expanduser(given)))

    @property
    def is_stream(self) -> bool:
        """Tell whether it is written to as it stands, such as /dev/stdout."""
        return is_stream(self.path)

    def place(self) -> Path:
        """Return the path that a report is written to, behind all links.

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
    """Refuse files that cannot be written or that hold something else, before anything runs.

    Raises:
        DesignError: the option and the file are named.
    """
    for output in outputs:
        if not output.is_stream:
            output.place()


def check_apart(outputs: Iterable[Output]) -> None:
    """Refuse one file for two things.

    Raises:
        DesignError: the options and the file are named.
    """
    taken: dict[str, Output] = {}
    for output in outputs:
        other = taken.setdefault(os.path.realpath(output.path), output)
        if other is not output and not output.is_stream:  # two reports may both go to a terminal
            raise DesignError(
                f"--{other.option} and --{output.option} both name {output.shown}: give two files"
            )


def write_reports(outputs: Iterable[Output], report: Report, against: Compared | None) -> None:
    """Write a report into each file; replace an earlier report that is there.

    Raises:
        DesignError: something else is there by now.
    """
    write_texts((output, FORMS[output.option].make(report, against)) for output in outputs)


def write_texts(texts: Iterable[tuple[Output, str]]) -> None:
    """Write a text into each file; replace an earlier report that is there.

    Raises:
        DesignError: something else is there by now.
    """
    for output, text in texts:
        data = text.encode()
        if output.is_stream:
            write_stream(output.path, data)
        else:
            # Looked at again: an evaluation may take hours, and the file may be another by now.
            replaced(output.place(), [data])
