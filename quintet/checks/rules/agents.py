"""Find agents that call an effect's bare function, and so get past its gate."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from quintet.checks.finding import Finding
from quintet.checks.graph.agents import agent_parts, tool_functions
from quintet.checks.graph.part import declared
from quintet.checks.graph.sameness import same
from quintet.checks.graph.tree import Spot, Tree
from quintet.checks.source.body import Body, body_of
from quintet.nodes import Act, Effect, Worker


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
        called = {name for name in own if any(_calls(body, own[name]) for body in agent.bodies)}
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


def _calls(body: Body, effect: Effect) -> bool:
    return any(_is_bare(callee, effect) for callee in body.callees)
