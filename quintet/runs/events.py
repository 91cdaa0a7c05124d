"""Yield LangGraph's events while a run is moved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from quintet.errors import RunError
from quintet.nodes.core.call import Call, Logic
from quintet.runs.thread import App

STREAMING = ("stream_mode", "subgraphs", "version", "print_mode", "output_keys")
"""Options that say what LangGraph's `stream` yields; a call that returns a `Run` refuses them."""


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """The options of a streamed run, sorted by the call that takes them.

    Args:
        stream: those that only `stream` takes; they say what is yielded.
        invoke: the others, which `invoke` takes too.
        modes: the stream modes asked for.
    """

    stream: Mapping[str, Any]
    invoke: dict[str, Any]
    modes: tuple[str, ...]

    @classmethod
    def of(cls, app: App, options: Mapping[str, Any]) -> StreamOptions:
        """Sort the options that a user gave.

        Raises:
            RunError: `output_keys` hides keys of a graph without a checkpointer.
        """
        stream = {name: value for name, value in options.items() if name in STREAMING}
        if not app.checkpointer and stream.get("output_keys") is not None:
            raise RunError(
                f"output_keys={stream['output_keys']!r}: without a checkpointer the run's values "
                "come by the stream alone; compile with one, or leave it out"
            )
        mode = stream.get("stream_mode") or app.stream_mode
        return cls(
            stream=stream,
            invoke={name: value for name, value in options.items() if name not in STREAMING},
            modes=(mode,) if isinstance(mode, str) else tuple(mode),
        )

    def for_call(self, app: App, call: Call) -> tuple[dict[str, Any], FinalValues | None]:
        """Give the options for streaming a call of `invoke`.

        Returns:
            The options, and for a graph without a checkpointer the taker of its final values.
        """
        options = {k: v for k, v in (call.options or {}).items() if k not in STREAMING}
        if app.checkpointer:
            return {**options, **self.stream}, None
        # Nothing is saved, so the run's values are known from the stream alone: ask for them too.
        modes = list(dict.fromkeys((*self.modes, "values")))
        return {**options, **self.stream, "stream_mode": modes}, FinalValues(options=self)


@dataclass(kw_only=True)
class FinalValues:
    """Keep the last values of a stream, under the names that `invoke` gives them.

    Attributes:
        value: the state's values.
        interrupts: the open questions.
    """

    options: StreamOptions
    value: Mapping[str, Any] = field(default_factory=dict)
    interrupts: Any = ()

    def take(self, event: Any) -> Iterator[Any]:
        """Note an event's values, and yield the event as the user asked for it, if at all."""
        stream = self.options.stream
        if stream.get("version") == "v2":
            mode, namespace, data = event["type"], event["ns"], event["data"]
            questions = event.get("interrupts", ())
        else:
            *namespace, mode, data = event
            questions = data.get("__interrupt__", ()) if isinstance(data, Mapping) else ()
        if mode == "values" and not any(namespace):  # not those of a nested graph
            self.value, self.interrupts = data, questions
        if mode not in self.options.modes:
            return
        # In version 1, LangGraph names an event's mode only where a list of modes was asked for.
        several = not isinstance(stream.get("stream_mode", ""), str)
        if stream.get("version") == "v2" or several:
            yield event
        else:
            yield (*namespace, data) if namespace else data


@dataclass(kw_only=True)
class Stepper:
    """Run a move's logic from call to call, and hand it each call's result or error.

    Attributes:
        result: the last call's result, for the logic.
        problem: the error that the last call raised, for the logic.
        run: the logic's own result, once it has ended.
    """

    logic: Logic[Any]
    result: Any = None
    problem: Exception | None = None
    run: Any = None

    def next_call(self) -> Call | None:
        """Go on to the logic's next call; None when it has ended."""
        result, problem = self.result, self.problem
        self.result = self.problem = None
        try:
            return self.logic.send(result) if problem is None else self.logic.throw(problem)
        except StopIteration as end:
            self.run = end.value
            return None


def invoked(call: Call) -> App | None:
    """Give the graph that a call invokes; None where it calls something else."""
    graph = getattr(call.target, "__self__", None)
    if isinstance(graph, CompiledStateGraph) and call.target == graph.invoke:
        return graph
    return None


def watch(logic: Logic[Any], stream: StreamOptions) -> Iterator[Any]:
    """Run a move's logic; yield LangGraph's events meanwhile, and the run last."""
    stepper = Stepper(logic=logic)
    # Closed on every way out: a consumer that stops early must set the thread free.
    with closing(logic):
        while (call := stepper.next_call()) is not None:
            try:
                if (app := invoked(call)) is None:
                    stepper.result = call.run()
                    continue
                options, final = stream.for_call(app, call)
                events: Any = app.stream(*call.args, **options)
                with closing(events):
                    for event in events:
                        yield from (event,) if final is None else final.take(event)
                stepper.result = final
            except Exception as problem:  # noqa: BLE001 - it goes on into the logic
                stepper.problem = problem
        yield stepper.run


async def awatch(logic: Logic[Any], stream: StreamOptions) -> AsyncIterator[Any]:
    """Run a move's logic on an async graph, as `watch` does."""
    stepper = Stepper(logic=logic)
    with closing(logic):
        while (call := stepper.next_call()) is not None:
            try:
                if (app := invoked(call)) is None:
                    stepper.result = await call.arun()
                    continue
                options, final = stream.for_call(app, call)
                events: Any = app.astream(*call.args, **options)
                async with aclosing(events):
                    async for event in events:
                        for item in (event,) if final is None else final.take(event):
                            yield item
                stepper.result = final
            except Exception as problem:  # noqa: BLE001 - it goes on into the logic
                stepper.problem = problem
        yield stepper.run
