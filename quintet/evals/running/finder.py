"""Find a suite by name: a folder, a file, a module, or one of the examples."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from quintet.errors import DesignError
from quintet.evals.items import names_in
from quintet.evals.reading.suite_file import SUFFIXES, read_suite
from quintet.evals.running.modules import module_exists, module_from_file
from quintet.evals.suite import Suite

FILE, ATTRIBUTE = "evals", "suite"
FORMS = "a folder with evals.py, FILE.py, FILE.py:NAME, FILE.yaml, MODULE or MODULE:NAME"


@contextmanager
def open_suite(
    name: str | Suite | Callable[[], Any], packages: Sequence[str] = ()
) -> Iterator[Suite]:
    """Find a suite by its name, and keep it open while the block runs.

    The name may lead to a `Suite`, to a function that returns one, or to a function that returns a
    context manager of one (`contextlib.contextmanager`), where the target has something to close.

    Args:
        name: a folder with `evals.py` in it, a file, or a module; after a colon the suite's name
            in it, by default `suite`. A YAML file declares a suite itself (`read_suite`). A suite,
            or such a function, is taken as it is.
        packages: packages in which a bare name is looked up last, such as `examples`.

    Raises:
        DesignError: nothing is found under the name, or it is no suite.
    """
    packages = names_in(packages, "open_suite(packages=...)")
    if isinstance(name, str) and Path(name).suffix.lower() in SUFFIXES:
        thing: Any = read_suite(name)
    else:
        thing = _named(name, packages) if isinstance(name, str) else name
    if inspect.isroutine(thing) or inspect.isclass(thing):
        _check_no_arguments(name, thing)
        thing = thing()
    if isinstance(thing, Suite):
        yield thing
    elif isinstance(thing, AbstractContextManager):
        with thing as suite:
            yield _checked(name, suite)
    else:
        _checked(name, thing)


def _checked(name: Any, thing: Any) -> Suite:
    if not isinstance(thing, Suite):
        raise DesignError(f"{name!r} is a {type(thing).__name__}, not a Suite")
    return thing


def _check_no_arguments(name: Any, function: Callable[..., Any]) -> None:
    try:
        inspect.signature(function).bind()
    except TypeError as problem:
        raise DesignError(
            f"{name!r} cannot be called without arguments ({problem}); name a suite, or a function "
            "that needs none"
        ) from problem


def _named(name: str, packages: Sequence[str]) -> Any:
    where, _, attribute = name.partition(":")
    module = _module(where, packages)
    suite = getattr(module, attribute or ATTRIBUTE, None)
    if suite is None:
        names = ", ".join(key for key, value in vars(module).items() if isinstance(value, Suite))
        raise DesignError(
            f"{name!r}: {module.__name__} has no {attribute or ATTRIBUTE!r}; "
            f"its suites are: {names or 'none'}"
        )
    return suite


def _module(where: str, packages: Sequence[str]) -> ModuleType:
    path = Path(where)
    if path.is_dir():
        path = path / f"{FILE}.py"
        if not path.is_file():
            raise DesignError(f"{where!r} is a folder without {FILE}.py; give {FORMS}")
    if path.suffix == ".py":
        if not path.is_file():
            raise DesignError(f"there is no file {where!r}; give {FORMS}")
        return module_from_file(path.resolve())
    # A console script, unlike `python -m`, does not search the working directory.
    sys.path.insert(0, str(Path.cwd()))
    candidates = [where, f"{where}.{FILE}", *(f"{package}.{where}.{FILE}" for package in packages)]
    for candidate in candidates:
        if all(candidate.split(".")) and module_exists(candidate):
            module = importlib.import_module(candidate)
            # A package without a suite of its own, such as examples/support, goes on to its evals.
            if hasattr(module, ATTRIBUTE) or candidate != where or not hasattr(module, "__path__"):
                return module
    raise DesignError(f"there is no suite {where!r} here or installed; give {FORMS}")
