"""Yield LangGraph's events while a run is moved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from typing import Any

from quintet.errors import RunError
from quintet.nodes.core.call import Call, Logic
from quintet.runs.thread import App

STREAMING = ("stream_mode", "subgraphs", "version", "print_mode", "output_keys")
"""Options of LangGraph's `stream` that say what it yields; no other call has them."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a stream is to yield.

    Args:
        options: those of LangGraph's `stream` that say it.
        rest: the others, which `invoke` has too.
        modes: the stream modes.
    """

    options: Mapping[str, Any]
    rest: dict[str, Any] = field(default_factory=dict)
    modes: tuple[str, ...] = ()

    @classmethod
    def of(cls, app: App, options: Mapping[str, Any]) -> Wanted:
        """Tell what a stream yields from how it is run.

        Raises:
            RunError: a graph without a checkpointer is to show only some keys.
        """
        shown = {name: value for name, value in options.items() if name in STREAMING}
        if not app.checkpointer and shown.get("output_keys") is not None:
            raise RunError(
                f"output_keys={shown['output_keys']!r}: without a checkpointer the run's values "
                "come by the stream alone; compile with one, or leave it out"
            )
        mode = shown.get("stream_mode") or app.stream_mode
        return cls(
            options=shown,
            rest={name: value for name, value in options.items() if name not in STREAMING},
            modes=(mode,) if isinstance(mode, str) else tuple(mode),
        )

    def opened(self, app: App, call: Call) -> tuple[dict[str, Any], Last | None]:
        """Give the options of LangGraph's `stream`, and what takes the values where none is saved.

        Without a checkpointer the values at the end are known by the stream alone.
        """
        options = {k: v for k, v in (call.options or {}).items() if k not in STREAMING}
        if app.checkpointer:
            return {**options, **self.options}, None
        modes = list(dict.fromkeys((*self.modes, "values")))
        return {**options, **self.options, "stream_mode": modes}, Last(wanted=self)


@dataclass(kw_only=True)
class Last:
    """The last values of a stream, as `invoke` returns them.

    Attributes:
        value: the values.
        interrupts: the open questions.
    """

    wanted: Wanted
    value: Mapping[str, Any] = field(default_factory=dict)
    interrupts: Any = ()

    def shown(self, event: Any) -> Iterator[Any]:
        """Take an event, and give it in the form that was asked for, if it was."""
        wanted = self.wanted.options
        if wanted.get("version") == "v2":
            mode, within, data = event["type"], event["ns"], event["data"]
            open_now = event.get("interrupts", ())
        else:
            *within, mode, data = event
            open_now = data.get("__interrupt__", ()) if isinstance(data, Mapping) else ()
        if mode == "values" and not any(within):
            self.value, self.interrupts = data, open_now
        if mode not in self.wanted.modes:
            return
        several = not isinstance(wanted.get("stream_mode", ""), str)
        if wanted.get("version") == "v2" or several:
            yield event
        else:
            yield (*within, data) if within else data


def watched(app: App, logic: Logic[Any], wanted: Wanted) -> Iterator[Any]:
    """Run the logic of a move, yield LangGraph's events meanwhile, and last the run."""
    with closing(logic):
        result: Any = None
        problem: Exception | None = None
        while True:
            try:
                call = logic.send(result) if problem is None else logic.throw(problem)
            except StopIteration as end:
                yield end.value
                return
            result = problem = None
            try:
                if call.target == app.invoke:
                    options, last = wanted.opened(app, call)
                    events: Any = app.stream(*call.args, **options)
                    with closing(events):
                        for event in events:
                            yield from (event,) if last is None else last.shown(event)
                    result = last
                else:
                    result = call.run()
            except Exception as raised:  # noqa: BLE001 - it goes on into the logic
                problem = raised


async def awatched(app: App, logic: Logic[Any], wanted: Wanted) -> AsyncIterator[Any]:
    """Run the logic of a move of an async graph, as `watched`."""
    with closing(logic):
        result: Any = None
        problem: Exception | None = None
        while True:
            try:
                call = logic.send(result) if problem is None else logic.throw(problem)
            except StopIteration as end:
                yield end.value
                return
            result = problem = None
            try:
                if call.target == app.invoke:
                    options, last = wanted.opened(app, call)
                    events: Any = app.astream(*call.args, **options)
                    async with aclosing(events):
                        async for event in events:
                            for each in (event,) if last is None else last.shown(event):
                                yield each
                    result = last
                else:
                    result = await call.arun()
            except Exception as raised:  # noqa: BLE001 - it goes on into the logic
                problem = raised
