"""Print the figures that tell how the source tree reads: `python scripts/figures.py [--json]`.

Each figure stands beside its limit, and the exit code is 1 where one is missed. The limits are held
by tests/test_figures.py too. Only the standard library is needed.

Sources of the measures: lines of code are those that are neither blank, comment nor docstring;
cyclomatic complexity is that of McCabe, "A Complexity Measure", IEEE TSE 2 (1976), by statements as
ruff's C901 counts them, and beside it with every operand, condition and loop inside an expression
too, as radon does; a circle is a strongly connected component of
module-level imports (Tarjan, SIAM J. Comput. 1, 1972).
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import statistics
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERBS = frozenset((Path(__file__).parent / "verbs.txt").read_text("utf-8").split())
DIRECTIVE = re.compile(r"#\s*(noqa|type:|pragma|pyright|fmt:|!)")
QUESTION = re.compile(r"(?:What|Whether|How (?:many|much|often|far|long)|Who|Which|Whose)\b")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


@dataclass(frozen=True)
class Module:
    """Read one source file."""

    path: Path
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        """Return the syntax tree."""
        return ast.parse(self.source)

    @cached_property
    def name(self) -> str:
        """Return the dotted name."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def docstrings(self) -> list[tuple[Documented, str]]:
        """Return each documented node with its docstring."""
        nodes = [node for node in ast.walk(self.tree) if isinstance(node, Documented)]
        return [(node, text) for node in nodes if (text := ast.get_docstring(node))]

    @cached_property
    def functions(self) -> list[Function]:
        """Return all functions and methods, nested ones too."""
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @cached_property
    def docstring_lines(self) -> set[int]:
        """Return the numbers of the lines that docstrings take."""
        lines: set[int] = set()
        for node, _ in self.docstrings:
            first = node.body[0]
            lines.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
        return lines

    @cached_property
    def code_lines(self) -> set[int]:
        """Return the numbers of the lines that hold code."""
        lines = enumerate(self.source.splitlines(), start=1)
        held = {at for at, line in lines if line.strip() and not line.strip().startswith("#")}
        return held - self.docstring_lines

    @cached_property
    def comments(self) -> int:
        """Return the number of comment lines, without directives to tools."""
        tokens = tokenize.generate_tokens(io.StringIO(self.source).readline)
        texts = [token.string for token in tokens if token.type == tokenize.COMMENT]
        return sum(not DIRECTIVE.match(text) for text in texts)

    @cached_property
    def public(self) -> list[str]:
        """Return the names in `__all__`."""
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                return list(ast.literal_eval(node.value))  # type: ignore[attr-defined]
        return []

    def imports(self, known: set[str]) -> set[str]:
        """Return the modules of ours that importing this one imports."""
        names: set[str] = set()
        for node in at_import(self.tree):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif node.module:
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                names.update(name if name in known else node.module for name in inner)
        return (names & known) - {self.name}

    def length(self, function: Function) -> int:
        """Return a function's lines of code."""
        span = range(function.lineno, (function.end_lineno or function.lineno) + 1)
        return len(self.code_lines.intersection(span))


def at_import(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run when a module is imported, not those inside functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not isinstance(node, Function | ast.Lambda):
            yield from at_import(node)


def modules(folder: str) -> list[Module]:
    """Read the Python files beneath a folder of the repository."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return [Module(path, path.read_text("utf-8")) for path in paths]


def complexity(function: Function, *, inside: bool = False) -> int:
    """Count the ways through a function: 1, and 1 for each branch; `inside` expressions too."""
    branches = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)
    total, stack = 1, list(ast.iter_child_nodes(function))
    while stack:
        node = stack.pop()
        if isinstance(node, Function):
            continue  # it is counted by itself
        total += isinstance(node, branches)
        if inside and isinstance(node, ast.BoolOp):
            total += len(node.values) - 1
        elif inside and isinstance(node, ast.comprehension):
            total += 1 + len(node.ifs)
        elif inside:
            total += isinstance(node, ast.IfExp)
        stack.extend(ast.iter_child_nodes(node))
    return total


def arguments(function: Function) -> int:
    """Count a function's parameters, `self` and `cls` left out."""
    parameters = function.args
    names = [
        parameter.arg
        for parameter in (*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs)
    ]
    starred = (parameters.vararg is not None) + (parameters.kwarg is not None)
    return len([name for name in names if name not in ("self", "cls")]) + starred


def opens_with_verb(text: str) -> bool:
    """Tell whether a docstring's first word is a verb of `verbs.txt`."""
    opening = re.match(r"[\"'`*(]*([A-Za-z-]+)", text)
    return opening is not None and opening[1].lower() in VERBS


def questions(text: str) -> list[str]:
    """Return the sentences that start with What, Whether, How many and their like."""
    sentences = re.split(r"(?<=[.:;!?])\s+|\n\s*\n", text)
    return [
        sentence
        for sentence in sentences
        if QUESTION.match(sentence) and not sentence.endswith("?")
    ]


def circles(tree: list[Module]) -> list[list[str]]:
    """Return the groups of modules that import each other when they are imported."""
    known = {module.name for module in tree}
    edges = {module.name: module.imports(known) for module in tree}
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in edges[name]:
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for name in edges:
        if name not in order:
            visit(name)
    return groups


def first_example() -> tuple[int, set[str]]:
    """Return the lines of code of the README's first example, and the names of ours in it."""
    page = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    code = block[1] if block else ""
    names = {
        alias.name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("quintet")
        for alias in node.names
    }
    return len([line for line in code.splitlines() if line.strip()]), names


def figures() -> dict[str, float]:
    """Measure the tree, by the name of each figure."""
    tree = modules("quintet")
    functions = [(module, function) for module in tree for function in module.functions]
    lengths = sorted(module.length(function) for module, function in functions)
    ways = sorted(complexity(function) for _, function in functions)
    all_ways = sorted(complexity(function, inside=True) for _, function in functions)
    taken = sorted(arguments(function) for _, function in functions)
    code = [len(module.code_lines) for module in tree]
    tests = sum(len(module.code_lines) for module in modules("tests"))
    documented = [(node, text) for module in tree for node, text in module.docstrings]
    spoken = [text for node, text in documented if isinstance(node, Function)]
    lines, names = first_example()
    return {
        "files": len(tree),
        "code lines": sum(code),
        "module lines, median": statistics.median(code),
        "module lines, longest": max(code),
        "function lines, median": statistics.median(lengths),
        "function lines, 95th percentile": lengths[int(len(lengths) * 0.95)],
        "function lines, longest": lengths[-1],
        "arguments, most": taken[-1],
        "cyclomatic complexity, median": statistics.median(ways),
        "cyclomatic complexity, highest": ways[-1],
        "the same inside expressions too, median": statistics.median(all_ways),
        "the same inside expressions too, highest": all_ways[-1],
        "comments in 100 lines": round(100 * sum(m.comments for m in tree) / sum(code), 2),
        "import circles": len(circles(tree)),
        "test lines for a line of code": round(tests / sum(code), 2),
        "public names": sum(len(module.public) for module in tree),
        "functions whose docstring opens with no verb, %": share_without_verb(spoken),
        "docstrings that open with no verb, %": share_without_verb([t for _, t in documented]),
        "sentences that start with What and its like": sum(
            len(questions(t)) for _, t in documented
        ),
        "lines of the README's first example": lines,
        "names of ours in it": len(names),
    }


def share_without_verb(texts: list[str]) -> float:
    """Return the percentage of docstrings that do not open with a verb."""
    return round(100 * sum(not opens_with_verb(text) for text in texts) / len(texts), 1)


LIMITS: dict[str, tuple[str, float]] = {
    "module lines, longest": ("<=", 400),
    "function lines, median": ("<=", 8),
    "function lines, longest": ("<=", 40),
    "cyclomatic complexity, median": ("<=", 2),
    "comments in 100 lines": (">=", 2),
    "import circles": ("<=", 0),
    # 303 before the patterns: six factories, with their nodes, tasks, events, questions and plans.
    "public names": ("<", 360),
    "functions whose docstring opens with no verb, %": ("<=", 2),
    "docstrings that open with no verb, %": ("<=", 10),
    "sentences that start with What and its like": ("<=", 0),
    "lines of the README's first example": ("<=", 30),
    "names of ours in it": ("<=", 8),
}


def misses(measured: dict[str, float]) -> list[str]:
    """Return a line for each figure that misses its limit."""
    holds = {"<=": float.__le__, ">=": float.__ge__, "<": float.__lt__}
    return [
        f"{name}: {measured[name]:g}, wanted {sign} {limit:g}"
        for name, (sign, limit) in LIMITS.items()
        if not holds[sign](float(measured[name]), float(limit))
    ]


def main() -> int:
    """Print the figures, and say which are missed."""
    parser = argparse.ArgumentParser(description="Print the figures of the source tree.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--list", action="store_true", help="list what misses, docstring by docstring"
    )
    options = parser.parse_args()
    measured = figures()
    if options.json:
        print(json.dumps(measured, indent=2))
    else:
        for name, value in measured.items():
            wanted = " {} {:g}".format(*LIMITS[name]) if name in LIMITS else ""
            print(f"{value:>10,g}{wanted:>8}  {name}")
    if options.list:
        print_culprits()
    missed = misses(measured)
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed else 0


def print_culprits() -> None:
    """Print the functions, docstrings and circles that a figure may be missed by."""
    tree = modules("quintet")
    for module in tree:
        where = module.path.relative_to(ROOT)
        for function in module.functions:
            if (lines := module.length(function)) > 40:
                print(f"{where}:{function.lineno}: {function.name} has {lines} lines")
        for node, text in module.docstrings:
            line = getattr(node, "lineno", 1)
            if not opens_with_verb(text):
                print(f"{where}:{line}: no verb: {text.splitlines()[0]}")
            for sentence in questions(text):
                print(f"{where}:{line}: {sentence}")
    for group in circles(tree):
        print(f"circle: {', '.join(group)}")


if __name__ == "__main__":
    sys.exit(main())
