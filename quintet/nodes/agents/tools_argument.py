"""Give a function agent the tools of its contract, as functions, and no others."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

from langchain_core.tools import BaseTool
from langgraph.errors import GraphInterrupt

from quintet.errors import DesignError
from quintet.nodes.agents.injected import injected
from quintet.nodes.core.attempt import Attempt, current
from quintet.nodes.effect import Effect
from quintet.state.action import Action
from quintet.state.contract import tool_name


class Tools(Mapping[str, Any]):
    """Look up the tools that a function agent may call, by name or attribute; refuse any other.

    An agent that `awaits` gets LangChain tools that have an async form in that form.
    """

    def __init__(self, tools: Sequence[Any], attempt: Attempt, *, awaits: bool) -> None:
        self._tools = {tool_name(item): item for item in tools}
        self._attempt = attempt
        self._awaits = awaits

    def __getitem__(self, name: str) -> Any:
        self._attempt.allow(name)
        tool = self._tools[name]
        if isinstance(tool, BaseTool):
            return self._watched(name, _as_function(tool, self._awaits))
        # An effect tells the attempt by itself of its coroutines, and of an end that is unknown.
        if isinstance(tool, Effect):
            return _given(tool, self._attempt)
        return self._watched(name, tool)

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a tool so that the attempt knows what it asks, and what the agent must await."""

        @wraps(call)
        def watched(*args: Any, **kwargs: Any) -> Any:
            with self._heard():
                result = call(*args, **kwargs)
            if not inspect.iscoroutine(result):
                return result
            outer = self._awaited(result)
            for each in (outer, result):  # both are closed where nobody awaits them
                self._attempt.unawaited[name, f"call {id(each)}"] = each
            return outer

        return watched

    async def _awaited(self, call: Coroutine[Any, Any, Any]) -> Any:
        with self._heard():
            return await call

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """Keep a tool's question to a person, since an agent's `except Exception` may catch it."""
        try:
            yield
        except GraphInterrupt as question:
            self._attempt.asking = question
            raise

    def __getattr__(self, name: str) -> Any:
        # `copy` and `pickle` look up such names before `_tools` is there: that would recurse.
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def get(self, name: str, default: Any = None) -> Any:
        """Return the tool of that name, or the default where there is none."""
        return self[name] if name in self._tools else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)


class _GivenEffect(Effect):
    """Tell the attempt that gave the effect out of a call in a thread without a context.

    It is refused there, and the thread's end is often looked at by nobody.
    """

    giver: Attempt | None

    def __post_init__(self) -> None:
        super().__post_init__()
        # One that `replace` makes of it is told to the attempt in which that is done.
        self.__dict__["giver"] = current.get()

    def __eq__(self, other: object) -> bool:
        mine, others = self.__dict__, getattr(other, "__dict__", {})
        return isinstance(other, Effect) and {**others, "giver": self.giver} == mine

    __hash__ = Effect.__hash__

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Action, Attempt]:
        try:
            return super().begin(args, kwargs)
        except DesignError as refusal:
            if current.get() is None and self.giver is not None:
                self.giver.astray = refusal
            raise

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # of a copy that is being made, which has no name yet
            raise AttributeError(name)
        raise AttributeError(f"effect {self.name!r} has no {name!r}: call it, {self.name}(...)")

    def repeat(self, number: int) -> Effect:
        return _given(super().repeat(number), self.giver)


def _given(effect: Effect, attempt: Attempt | None) -> Effect:
    given = object.__new__(_GivenEffect)
    given.__dict__.update(effect.__dict__, giver=attempt)
    return given


def _as_function(tool: BaseTool, awaits: bool) -> Callable[..., Any]:
    """Turn a LangChain tool into a function that takes positional arguments too."""
    only_async = getattr(tool, "coroutine", None) is not None and (
        awaits or getattr(tool, "func", None) is None
    )

    def call(*args: Any, **kwargs: Any) -> Any:
        arguments = _by_name(tool, args, kwargs)
        for name, kind in injected(tool).items():
            if name not in arguments:
                raise DesignError(
                    f"the tool {tool.name!r} wants {name!r} ({kind}), which LangChain gives inside "
                    "an agent graph only; give it by name, or call the tool from create_agent(...)"
                )
        if only_async:
            return tool.ainvoke(arguments)
        try:
            return tool.invoke(arguments)
        except NotImplementedError:  # as a class of its own says that has `_arun` alone
            if not awaits:
                raise
            return tool.ainvoke(arguments)

    return call


def _by_name(tool: BaseTool, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Name a tool's positional arguments; raise `TypeError` as a Python function would."""
    names = list(tool.args)
    if len(args) > len(names):
        raise TypeError(f"{tool.name} takes {', '.join(names)}; {len(args)} were given")
    arguments = dict(zip(names, args, strict=False))
    if twice := sorted(arguments.keys() & kwargs.keys()):
        raise TypeError(f"{tool.name} was given {twice[0]!r} twice, by place and by name")
    return {**arguments, **kwargs}
