"""Find agents that call an effect's bare function, and so get past its gate."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

from quintet.checks.finding import Finding
from quintet.checks.graph.agents import agent_parts, tool_functions
from quintet.checks.graph.part import declared
from quintet.checks.graph.sameness import same
from quintet.checks.graph.tree import Spot, Tree
from quintet.checks.source.body import Body, body_of
from quintet.nodes import Act, Effect, Worker

_RUNNING = ("map", "starmap", "to_thread", "submit", "run_in_executor", "partial")
"""The functions and methods that run a function given to them."""


def raw_effects(tree: Tree) -> Iterator[Finding]:
    """Find tools that run an effect's function without the effect: at once, at each call."""
    nodes = (*tree.of(Worker), *tree.of(Act))
    all_effects = [effect for _, node in nodes for effect in node.effects]
    for spot, worker in tree.of(Worker):
        agent = agent_parts(worker.agent)
        own = {effect.name: effect for effect in worker.effects}
        named = [tool for tool in agent.tools if _name(tool) in own]
        raw = own.keys() & {_name(tool) for tool in named if not _is_guarded(tool)}
        yield from (_raw(spot, name, f"Its agent's tool {name!r} is") for name in sorted(raw))
        run_here = [function for body in agent.bodies for function in _run_by(body)]
        called = {name for name in own if any(_is_bare(found, own[name]) for found in run_here)}
        # An effect that the contract does not hold is known by its attribute alone.
        called |= {owner.name for body in agent.bodies for owner in _opened(body)}
        for name in sorted(called - raw):
            yield _raw(spot, name, f"Its agent calls {name!r} itself, and that is")
        for tool in worker.contract.tools:
            if isinstance(tool, Effect):
                continue
            effect = next((effect for effect in all_effects if _runs(tool, effect)), None)
            if effect is not None:
                yield _raw(spot, effect.name, f"The contract's tool {_name(tool)!r} is")


def _raw(spot: Spot, name: str, subject: str) -> Finding:
    return Finding(
        code="raw-effect",
        node=spot.at,
        fault=f"{subject} not the effect {name!r} but a bare function: it runs past the gate, and "
        "as often as it is called.",
        remedy=f"Give the agent the effect's own tool, {name}.as_tool(), or let it call "
        f"tools[{name!r}].",
    )


def _name(tool: object) -> object:
    return declared(tool, "name") or declared(tool, "__name__")


def _is_guarded(tool: object) -> bool:
    """Tell whether all functions of a tool are an effect's own, or call an effect."""
    return all(_is_effect(function) or _calls_effect(function) for function in tool_functions(tool))


def _is_effect(function: object) -> bool:
    return isinstance(function, Effect) or isinstance(declared(function, "__self__"), Effect)


def _calls_effect(function: object) -> bool:
    body = body_of(function)
    return body is not None and any(
        _is_effect(callee) for helper in body.reach for callee in helper.callees
    )


def _runs(tool: object, effect: Effect) -> bool:
    """Tell whether a tool runs the bare function of an effect."""
    return any(_is_bare(function, effect) for function in tool_functions(tool))


def _is_bare(function: object, effect: Effect) -> bool:
    while isinstance(function, partial):
        function = function.func
    return same(function, effect.function)


def _run_by(body: Body) -> Iterator[object]:
    """List the functions that a function calls, itself or through `map` and its like."""
    return (value for run in _runs_of(body) for value in _meant(body, run))


def _opened(body: Body) -> Iterator[Effect]:
    """List the effects of which a function calls the bare `effect.function`."""
    for run in _runs_of(body):
        if isinstance(run, ast.Attribute) and run.attr == "function":
            owners = _meant(body, run.value)
            yield from (owner for owner in owners if isinstance(owner, Effect))


def _runs_of(body: Body) -> Iterator[ast.expr]:
    for call in body.call_nodes:
        yield call.func
        if getattr(call.func, "attr", getattr(call.func, "id", "")) in _RUNNING:
            yield from call.args


def _meant(body: Body, expression: ast.expr) -> list[object]:
    """List the objects that an expression may stand for, also by a variable of the function."""
    assigned = body.assigned(expression.id) if isinstance(expression, ast.Name) else []
    return [body.resolve(value) for value in assigned or [expression]]
