"""Read the code, write the test, make the change, run the tests: one function a worker."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel

from quintet.nodes import Effect, Worker, effect
from quintet.state import Action, Contract, Unmet, unmet

from . import edits
from .contracts import Files, Outline, Target, Tested, Trial, Work, needs_person
from .repository import File, Repository, changes
from .request import FORBIDDEN, PROTECTED, Change


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Work on one repository."""

    repository: Repository

    def survey(self, request: Mapping[str, Any]) -> dict[str, list[str]]:
        """List the Python files."""
        return {"files": [path for path in self.repository.files if path.endswith(".py")]}

    def outline(self, request: Mapping[str, Any]) -> Outline:
        """Read one file."""
        source = self.repository.files[request["path"]]
        named = edits.names(source)
        return {"path": request["path"], "functions": edits.functions(source), "names": named}

    def locate(self, request: Mapping[str, Any]) -> Target:
        """Find the function, and every file that a change of its name would touch."""
        change, outlines = request["change"], request["read"]
        homes = {name: each["path"] for each in outlines for name in each["functions"]}
        path, taken = homes.get(change["name"], ""), ""
        paths = [path]
        if change["kind"] == "rename":
            paths = [each["path"] for each in outlines if change["name"] in each["names"]]
            taken = change["given"][0] if change["given"][0] in homes else ""
        forbidden = [one for one in paths if one.startswith(FORBIDDEN)]
        lacking = f"there is no function {change['name']!r}" if not path else ""
        return {
            "path": path,
            "paths": paths,
            "refused": f"it would change {forbidden[0]}" if forbidden else "",
            "escalate": lacking or (f"{taken!r} is taken" if taken else ""),
        }

    def write_test(self, request: Mapping[str, Any]) -> Files:
        """Write a test that fails until the change is made."""
        change, path = request["change"], request["target"]["path"]
        module = path.removesuffix(".py").replace("/", ".")
        name = change["given"][0] if change["kind"] == "rename" else change["name"]
        lines = "\n        ".join(_asserted(change, name))
        text = (
            f"import inspect\nimport unittest\n\nfrom {module} import {name}\n\n\n"
            f"class Change(unittest.TestCase):\n    def test_change(self):\n        {lines}\n"
        )
        mark = hashlib.sha256(text.encode()).hexdigest()[:8]
        return {"files": [{"path": f"tests/test_{name}_{mark}.py", "text": text}], "tried": 1}

    def edit(self, request: Work) -> Files:
        """Make the change in the next way that has not been tried."""
        change, target, files = request["change"], request["target"], self.repository.files
        tried = int((request.get("last") or {}).get("tried", 0))
        if change["kind"] == "rename":
            old, new = change["name"], change["given"][0]
            ways = [[(path, edits.renamed(files[path], old, new)) for path in target["paths"]]]
            ways = ways if request["strategy"] == "comparisons" else []
        else:
            source = files[target["path"]]
            found = edits.candidates(source, change, request["strategy"])
            ways = [[(target["path"], text)] for text in found]
        if tried >= len(ways):
            last = f", the last with {request['reason']}" if "reason" in request else ""
            raise LookupError(f"{tried} ways by {request['strategy']} were tried{last}")
        made: list[File] = [{"path": path, "text": text} for path, text in ways[tried]]
        return {"files": changes(files, made), "tried": tried + 1}

    def run_tests(self, request: Trial) -> Tested:
        """Run all tests with the new files in place."""
        made: Files = request.get("edit") or {"files": [], "tried": 0}
        ran = self.repository.test([*request["test"]["files"], *made["files"]])
        return {**ran, "files": made["files"], "tried": made["tried"]}

    def commit(self, request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        """Commit the test and the change."""
        files = [*request["test"]["files"], *request["change"]["files"]]
        return {"commit": tools.commit(message=request["message"], files=files)}

    @property
    def effect(self) -> Effect:
        """Give the commit as an effect: known by its message, and undone by a revert."""

        def commit(message: str, files: list[File]) -> str:
            return self.repository.commit(message, files)

        def known(message: str, files: list[File]) -> str | bool:
            return self.repository.committed(message)

        return effect(
            commit,
            key="{message}",
            undo=self.repository.revert,
            reconcile=known,
            allow=self.allowed,
        )

    def workers(self, model: BaseChatModel | None) -> dict[str, Worker]:
        """Give the workers; a model, if there is one, writes the test and the change."""
        located = {"gives": Target, "escalate": (needs_person,)}
        crew: dict[str, tuple[Any, str, Any, dict[str, Any]]] = {
            "surveyor": (self.survey, "List the files", ("goal",), {}),
            "reader": (self.outline, "Read a file", ("path",), {"gives": Outline}),
            "locator": (self.locate, "Find the place", ("change", "read"), located),
            "tester": (
                model or self.write_test,
                "Write a unittest that fails until the change is made",
                ("goal", "change", "target"),
                {"gives": Files},
            ),
            "coder": (model or self.edit, "Make the change in the files", Work, {"gives": Files}),
            "runner": (self.run_tests, "Run the tests", Trial, {"gives": Tested}),
            "committer": (
                self.commit,
                "Commit test and change",
                ("message", "test", "change"),
                {"tools": (self.effect,)},
            ),
            "clerk": (
                decline,
                "Decline, or hand over",
                ("refused", "escalate"),
                {"escalate": (needs_person,)},
            ),
        }
        return {
            name: Worker(agent=agent, contract=Contract(goal=goal, needs=needs, **more))
            for name, (agent, goal, needs, more) in crew.items()
        }

    def allowed(self, action: Action) -> bool | Unmet:
        """Allow a commit that touches nothing forbidden, and takes no test away."""
        before = self.repository.files
        for file in action.arguments["files"]:
            if file["path"].startswith(FORBIDDEN):
                return unmet(f"{file['path']} is not changed here")
            if before.get(file["path"], "").count("def test_") > file["text"].count("def test_"):
                return unmet(f"{file['path']} would lose a test")
        return True


def decline(request: Mapping[str, Any]) -> dict[str, str]:
    """Say no, or hand over, in place of a change."""
    return {"refused": request.get("refused", ""), "escalate": request.get("escalate", "")}


def touches_protected(action: Action) -> str | bool:
    """Say which protected file a commit changes, if any."""
    paths = [file["path"] for file in action.arguments["files"]]
    return next((f"{path} is protected" for path in paths if path in PROTECTED), False)


def _asserted(change: Change, name: str) -> list[str]:
    if change["kind"] == "fix":
        return [f"self.assertEqual({change['call']}, {change['value']!r})"]
    if change["kind"] == "rename":
        return [f"self.assertTrue(callable({name}))"]
    if change["kind"] == "validation":
        return ["with self.assertRaises(ValueError):", f"    {change['call']}"]
    parameter = f"inspect.signature({name}).parameters[{change['given'][0]!r}]"
    return [f"self.assertEqual({parameter}.default, {change['value']!r})"]
