"""Test the package's shape: which room knows which, what is public, how large it may grow."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "quintet"
LINES = 400


def arrow_map() -> dict[str, set[str]]:
    """Return the rooms that each room may import, itself included, as ARCHITECTURE.md has it."""
    page = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    arrows = dict(re.findall(r"^(\w+) +-> ([\w, ]+)$", page, re.MULTILINE))
    rooms = set(arrows)
    named = {room: set(re.findall(r"\w+", text)) - {"none"} for room, text in arrows.items()}
    return {room: {room} | (rooms if "all" in others else others) for room, others in named.items()}


KNOWS = {**arrow_map(), "": set()}
KNOWS["__main__"] = KNOWS["cli"]

MODULES = sorted(PACKAGE.rglob("*.py"))
PACKAGES = sorted(path.parent for path in MODULES if path.name == "__init__.py")
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))


def dotted(path: Path) -> str:
    """Return the name that a file is imported by."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, module: str, *, package: bool = False) -> Iterator[str]:
    """Return every dotted name that a module imports anywhere, relative ones made absolute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            start = parts[: len(parts) + package - node.level] if node.level else []
            source = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str:
    """Return the room of a dotted name of ours, "" for the top level."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in KNOWS else ""


def wrong_arrows(source: str, module: str, *, package: bool = False) -> list[str]:
    """Return the imports by which a module reaches a room that it may not know."""
    allowed = KNOWS[room_of(module)]
    names = imported(ast.parse(source), module, package=package)
    ours = {name for name in names if name.split(".")[0] == "quintet"}
    return sorted(name for name in ours if room_of(name) not in allowed | {""})


def forbidden(source: str, module: str, *, package: bool = False) -> list[str]:
    """TYPE_CHECKING, and what other packages keep private."""
    tree = ast.parse(source)
    found = {"TYPE_CHECKING" for node in ast.walk(tree) if _says(node, "TYPE_CHECKING")}
    for name in imported(tree, module, package=package):
        first, *rest = name.split(".")
        if first not in ("quintet", "__future__") and any(
            _private(part) for part in (first, *rest)
        ):
            found.add(name)
    return sorted(found)


def _says(node: ast.AST, name: str) -> bool:
    match node:
        case ast.alias(name=said) | ast.Name(id=said) | ast.Attribute(attr=said):
            return said == name
    return False


def _private(part: str) -> bool:
    return part.startswith("_") and not (part.startswith("__") and part.endswith("__"))


def exported(source: str) -> tuple[list[str], set[str]]:
    """Return what `__all__` says, and the public names that the page itself binds."""
    stated: list[str] = []
    bound: set[str] = set()
    for node in ast.parse(source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                stated = ast.literal_eval(node.value)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                if not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
                    bound |= {alias.asname or alias.name.split(".")[0] for alias in aliases}
            case ast.Assign(targets=targets):
                bound |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
    return stated, {name for name in bound if not _private(name)}


def in_order(names: list[str]) -> list[str]:
    """Order constants, then classes, then functions, each by name, as ruff does."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[:1].isupper(), name))


def public_objects(package: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield our classes and functions in `__all__`, with the methods written in the classes."""
    for name in getattr(package, "__all__", ()):
        thing = getattr(package, name)
        if not str(getattr(thing, "__module__", "")).startswith("quintet"):
            continue
        if inspect.isclass(thing) or inspect.isfunction(thing):
            yield name, thing
        if inspect.isclass(thing):
            for method, value in vars(thing).items():
                bare = value.__func__ if isinstance(value, classmethod | staticmethod) else value
                if not method.startswith("_") and isinstance(bare, property | type(in_order)):
                    yield f"{name}.{method}", bare


def described(thing: object) -> bool:
    """Tell whether somebody wrote a docstring: the one that dataclass makes does not count."""
    text = (getattr(thing, "__doc__", None) or "").strip()
    made = dataclasses.is_dataclass(thing) and text.startswith(f"{thing.__name__}(")
    return bool(text) and not made


def in_modules(find: Callable[..., list[str]]) -> dict[str, list[str]]:
    """Return what is found in our modules, by the name of the module."""
    found = {
        dotted(path): find(path.read_text(), dotted(path), package=path.name == "__init__.py")
        for path in MODULES
    }
    return {name: here for name, here in found.items() if here}


def test_graphs_know_of_the_checks_no_more_than_they_hand_on():
    asked = {
        (path.name, name)
        for path in (PACKAGE / "graphs").rglob("*.py")
        for name in imported(ast.parse(path.read_text()), dotted(path))
        if room_of(name) == "checks"
    }
    assert asked == {("__init__.py", "quintet.checks.check")}


def test_a_room_knows_only_the_rooms_before_it():
    assert in_modules(wrong_arrows) == {}


def test_no_module_uses_what_others_keep_private():
    assert in_modules(forbidden) == {}


def test_no_module_grows_past_the_stop():
    lines = {dotted(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > LINES} == {}


def test_every_part_of_the_package_is_a_known_room():
    parts = {path.stem if path.is_file() else path.name for path in PACKAGE.iterdir()}
    assert {part for part in parts if not part.startswith((".", "__"))} <= {*KNOWS, "py"}


def test_every_folder_with_modules_is_a_package():
    assert {path.parent for path in MODULES} == set(PACKAGES)


@pytest.mark.parametrize("folder", PACKAGES, ids=dotted)
def test_all_is_sorted_complete_and_true(folder):
    stated, bound = exported((folder / "__init__.py").read_text())
    assert set(stated) == bound - {"__all__"}
    assert stated == in_order(stated)
    assert len(stated) == len(set(stated))
    assert all(hasattr(importlib.import_module(dotted(folder)), name) for name in stated)


@pytest.mark.parametrize("folder", PACKAGES, ids=dotted)
def test_public_dataclasses_are_frozen_and_keyword_only(folder):
    things = public_objects(importlib.import_module(dotted(folder)))
    classes = {name: thing for name, thing in things if dataclasses.is_dataclass(thing)}
    loose = {name for name, thing in classes.items() if not thing.__dataclass_params__.frozen}
    positional = {
        f"{name}.{field.name}"
        for name, thing in classes.items()
        for field in dataclasses.fields(thing)
        if field.init and not field.kw_only
    }
    assert loose == set()
    assert positional == set()


@pytest.mark.parametrize("folder", PACKAGES, ids=dotted)
def test_every_public_object_has_a_docstring(folder):
    package = importlib.import_module(dotted(folder))
    assert described(package)
    assert [name for name, thing in public_objects(package) if not described(thing)] == []


def test_examples_import_each_other_relatively_since_a_wheel_renames_them():
    absolute = [
        (dotted(path), name)
        for path in EXAMPLES
        for name in imported(ast.parse(path.read_text()), "elsewhere")
        if name.split(".")[0] in ("examples", "quintet_examples")
    ]
    assert absolute == []


def test_langgraph_json_names_graphs_that_exist():
    from langgraph.graph import StateGraph
    from langgraph.graph.state import CompiledStateGraph

    config = json.loads((ROOT / "langgraph.json").read_text())
    assert config["dependencies"] == ["."]
    for where in config["graphs"].values():
        module, _, attribute = where.partition(":")
        graph = getattr(importlib.import_module(module), attribute)
        # Not a factory: a server calls that again for each run and each look at a thread, on its
        # event loop, so that every one of them would have a new shop.
        assert isinstance(graph, StateGraph | CompiledStateGraph)
        # A server brings its own, and refuses a graph that has one.
        assert getattr(graph, "checkpointer", None) is None


def test_langgraph_json_names_a_checkpointer_of_ours(tmp_path, monkeypatch):
    from quintet.state.savers.saver import Saver

    monkeypatch.setenv("QUINTET_DB", f"sqlite:///{tmp_path}/served.db")
    config = json.loads((ROOT / "langgraph.json").read_text())
    # A server takes a checkpointer's module with a dot, and a graph's with a colon.
    module, _, attribute = config["checkpointer"]["path"].rpartition(".")
    with getattr(importlib.import_module(module), attribute)() as saver:
        assert isinstance(saver, Saver)


def test_the_arrow_map_names_every_room_and_has_no_circle():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix in ("", ".py")}
    rooms = {room for room in rooms if not room.startswith("_")}
    assert set(arrow_map()) == rooms
    order: list[str] = []
    while len(order) < len(rooms):
        ready = [room for room in rooms - set(order) if KNOWS[room] - {room} <= set(order)]
        assert ready, f"these import each other: {rooms - set(order)}"
        order += ready


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("quintet.state.plan", "from quintet.nodes import Router"),
        ("quintet.state.plan", "import quintet.nodes.route"),
        ("quintet.state.plan", "from quintet import nodes"),
        ("quintet.stats.power", "from quintet.state import Budget"),
        ("quintet.state.plan", "from ..nodes.route import Router"),
        ("quintet.nodes.route", "def later():\n    from quintet.graphs import check"),
        ("quintet.checks.check", "from quintet.runs import Run"),
        ("quintet.checks.rules.gates", "from quintet.graphs import create_handoff"),
        ("quintet.nodes.work", "from quintet.checks import check"),
        ("quintet.runs.run", "from quintet.evals import Case"),
        ("quintet.runs.run", "from quintet.cli import main"),
        ("quintet.nodes.route", "from quintet.testing import ScriptedModel"),
        ("quintet.testing", "from quintet.cli import main"),
    ],
)
def test_an_arrow_that_points_back_is_seen(module, source):
    assert wrong_arrows(source, module) != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("quintet.state.plan", "from quintet.errors import DesignError"),
        ("quintet.state.plan", "from .errors import DesignError"),
        ("quintet.evals.case", "from quintet.runs import Run\nfrom quintet import __version__"),
        ("quintet.cli.demo", "from quintet.testing import ScriptedPerson"),
    ],
)
def test_an_arrow_that_points_on_is_allowed(module, source):
    assert wrong_arrows(source, module) == []


@pytest.mark.parametrize(
    "source",
    [
        "from langgraph._internal._runnable import coerce_to_runnable",
        "import langgraph._internal",
        "from langchain_core.tools import _get_filtered_args",
        "from typing import TYPE_CHECKING",
        "import typing\nif typing.TYPE_CHECKING:\n    import os",
    ],
)
def test_what_is_private_or_hidden_is_seen(source):
    assert forbidden(source, "quintet.nodes.work") != []


def test_what_python_itself_underscores_is_allowed():
    assert forbidden("from __future__ import annotations", "quintet.nodes.work") == []


def test_a_name_left_out_of_all_is_seen():
    stated, bound = exported("from quintet.state.plan import Plan, Step\n__all__ = ['Plan']")
    assert bound - {"__all__"} - set(stated) == {"Step"}
