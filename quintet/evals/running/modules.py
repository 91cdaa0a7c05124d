"""Import a suite's code: a file under its own name, a module, or a thing in either."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

from quintet.errors import DesignError
from quintet.evals.items import nearest

THING = "FILE.py:NAME or MODULE:NAME"


def named_thing(name: str, folder: Path) -> Any:
    """Import the thing that `FILE.py:NAME` or `MODULE:NAME` names.

    Args:
        name: the name; a dot in `NAME` leads on into the thing.
        folder: the folder that a file's path starts from, and in which modules are looked for
            first.

    Raises:
        DesignError: there is no such file, module or thing.
    """
    where, _, attributes = name.partition(":")
    if not where or not attributes:
        raise DesignError(f"{name!r} names nothing; give {THING}")
    thing: Any = _module(where, folder)
    for attribute in attributes.split("."):
        if not hasattr(thing, attribute):
            known = [each for each in dir(thing) if not each.startswith("_")]
            raise DesignError(
                f"{name!r}: {where} has no {attribute!r}{nearest(attribute, known)}; give {THING}"
            )
        thing = getattr(thing, attribute)
    return thing


def opened_thing(thing: Any, stack: ExitStack) -> Any:
    """Call a function or class that needs no arguments, and enter a context manager that it gives.

    A thing of another kind is returned as it is.
    """
    if (inspect.isroutine(thing) or inspect.isclass(thing)) and not _needs_arguments(thing):
        thing = thing()
        if isinstance(thing, AbstractContextManager):
            return stack.enter_context(thing)
    return thing


def nearest_file(path: Path) -> str:
    """Ask whether the nearest file of the same folder was meant; empty where none is near."""
    return nearest(path.name, [each.name for each in path.parent.glob(f"*{path.suffix}")])


def module_exists(name: str) -> bool:
    """Tell whether there is a module of this name; the packages above it are imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _needs_arguments(function: Any) -> bool:
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        return True
    return False


def _module(where: str, folder: Path) -> ModuleType:
    if where.endswith(".py"):
        path = (folder / where).resolve()
        if not path.is_file():
            near = nearest_file(folder / where)
            raise DesignError(f"there is no file {str(folder / where)!r}{near}; give {THING}")
        return module_from_file(path)
    # A console script, unlike `python -m`, does not search the working directory.
    sys.path[:0] = [str(folder.resolve()), str(Path.cwd())]
    if not all(where.split(".")) or not module_exists(where):
        raise DesignError(f"there is no module {where!r} here or installed; give {THING}")
    return importlib.import_module(where)


def module_from_file(path: Path) -> ModuleType:
    """Import a file under its name within its packages, so that its relative imports work."""
    parts, root = [path.stem], path.parent
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    sys.path.insert(0, str(root))
    name = ".".join(parts)
    loaded = sys.modules.get(name)
    if loaded is not None and Path(getattr(loaded, "__file__", "") or "") == path:
        return loaded
    if loaded is None or len(parts) > 1:
        module = importlib.import_module(name)
        if Path(module.__file__ or "").resolve() == path:
            return module
    # Another module has this name already (each folder has an evals.py): load the file beside it.
    spec = importlib.util.spec_from_file_location(f"{name}_{abs(hash(path))}", path)
    if spec is None or spec.loader is None:
        raise DesignError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
