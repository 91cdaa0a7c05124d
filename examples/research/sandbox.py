"""Run a small calculation in a process of its own: no files, no network, little time and memory."""

from __future__ import annotations

import ast
import subprocess
import sys

from quintet.nodes.core.syntax import parsed

LONGEST = 4_000
SECONDS = 5.0

_ALLOWED = (
    *(ast.Module, ast.Expr, ast.Assign, ast.Name, ast.Load, ast.Store, ast.Constant, ast.Call),
    *(ast.List, ast.Tuple, ast.Dict, ast.BinOp, ast.UnaryOp, ast.USub, ast.Add, ast.Sub),
    *(ast.Mult, ast.Div, ast.Subscript, ast.Slice),
)
_FUNCTIONS = frozenset({"print", "sum", "len", "max", "min", "round", "abs"})

# The limits are set before a line of the code runs. With no file descriptor left, nothing is opened
# and nothing is connected to.
_CHILD = """
import resource, sys
code = sys.stdin.read()
resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
exec(compile(code, "calculation", "exec"), {"__builtins__": {
    "print": print, "sum": sum, "len": len, "max": max, "min": min, "round": round, "abs": abs,
}})
"""


class NotRun(ValueError):
    """Raised when a calculation is refused, or comes to no number."""


def check(code: str) -> None:
    """Refuse code that is more than a calculation.

    Raises:
        NotRun: it names what is not allowed.
    """
    if len(code) > LONGEST:
        raise NotRun(f"the code has {len(code)} characters; {LONGEST} are allowed")
    try:
        tree = parsed(lambda: ast.parse(code))
    except SyntaxError as problem:
        raise NotRun(f"this is no Python: {problem}") from problem
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise NotRun(f"{type(node).__name__} is not allowed in a calculation")
        if isinstance(node, ast.Call) and not (
            isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
        ):
            raise NotRun(f"only {', '.join(sorted(_FUNCTIONS))} may be called")


def numbers_in(code: str) -> set[float]:
    """Give the numbers that a calculation is made with; those that only pick from a list not."""
    check(code)
    tree = parsed(lambda: ast.parse(code))
    picks = {
        id(n) for s in ast.walk(tree) if isinstance(s, ast.Subscript) for n in ast.walk(s.slice)
    }
    constants = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in picks)
    return {float(n.value) for n in constants if isinstance(n.value, int | float)}


def compute(code: str) -> float:
    """Run a calculation, and give the number that it prints.

    Raises:
        NotRun: it is refused, takes too long or too much, or prints no number.
    """
    check(code)
    return unchecked(code)


def unchecked(code: str) -> float:
    """Run code under the limits alone; the limits are tested by this."""
    try:
        ended = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _CHILD],
            input=code,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env={},
            check=False,
        )
    except subprocess.TimeoutExpired as problem:
        raise NotRun(f"the calculation took over {SECONDS} s") from problem
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["it was stopped"])[-1]
        raise NotRun(f"the calculation failed: {last:.200}")
    try:
        return float(ended.stdout.strip())
    except ValueError as problem:
        raise NotRun(f"the calculation printed {ended.stdout.strip()!r:.60}") from problem
