"""Carry out `quintet eval --live`: look at a database again and again, and say what has changed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import click

from quintet.cli.runs import require_database
from quintet.cli.systems import PACKAGES
from quintet.cli.watch import load_chooser
from quintet.errors import DesignError
from quintet.evals.drift import Drift
from quintet.evals.live import Live, Watched
from quintet.evals.running.finder import open_suite
from quintet.nodes.core.duration import seconds
from quintet.state.checkpointer import checkpointer
from quintet.stats.anytime import Anytime


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """The options of `quintet eval --live`.

    Args:
        url: the database, as `quintet runs` takes it.
        once: whether it ends after the first look.
        every: the time between two looks.
        stale: the time after which a run that goes on no more has ended without a word.
        chooser: where the learned chooser of the runs' router is, if its messages are watched.
        as_json: whether each look is printed as one line of JSON.
    """

    url: str
    once: bool = False
    every: str = "10s"
    stale: str = "1h"
    chooser: str | None = None
    as_json: bool = False


def run_live(name: str, options: LiveOptions) -> bool:
    """Watch over the gates of a suite until one is broken, or for one look if that was asked.

    Returns:
        True where no gate is broken, and the messages are not proven unlike the examples.

    Raises:
        DesignError: no such suite, nothing to watch, or a gate or chooser that cannot be watched.
        NoSuchRun: there is no such database.
    """
    pause, stale = seconds(options.every), seconds(options.stale)
    if pause is None or stale is None:
        raise DesignError("--every and --stale: give durations such as 10s, 5m or 1h")
    require_database(options.url)
    if options.url.startswith("memory:"):
        raise DesignError(f"--live {options.url}: no other process runs there; give a database")
    chooser = None if options.chooser is None else load_chooser(options.chooser)
    with open_suite(name, PACKAGES) as suite, checkpointer(options.url) as saver:
        live = Live(suite=suite, stale=stale, chooser=chooser)
        if suite.limit is not None and suite.limit.seconds is not None:
            click.echo("limit: the seconds of a stored run are not known, nor held", err=True)
        first = True
        while True:
            fresh = live.look(saver)
            if fresh or first:
                _print(live, fresh, options)
            if live.broken or options.once:
                return not live.broken
            first = False
            time.sleep(pause)


def _print(live: Live, fresh: int, options: LiveOptions) -> None:
    if options.as_json:
        click.echo(json.dumps(_look(live, fresh), ensure_ascii=False))
        return
    click.echo(f"{live.rows:,} runs scored, {fresh:,} of them new; {live.left:,} have not ended")
    for item in (*live.watched, *([] if live.drift is None else [live.drift])):
        click.echo(f"  {item}")


def _look(live: Live, fresh: int) -> dict[str, Any]:
    return {
        "suite": live.suite.name,
        "runs": live.rows,
        "new": fresh,
        "not_ended": live.left,
        "confidence": live.suite.confidence,
        "broken": bool(live.broken),
        "gates": [_gate(item) for item in live.watched],
        **({} if live.drift is None else {"chooser": _chooser(live.drift)}),
    }


def _gate(item: Watched) -> dict[str, Any]:
    return {
        "metric": item.gate.metric,
        "state": item.state,
        "wanted": item.wanted,
        "runs": item.bound.count,
        "errors": item.errors,
        **_ends(item.bound),
    }


def _chooser(drift: Drift) -> dict[str, Any]:
    return {
        "state": drift.state,
        "wanted": drift.wanted,
        "expected": drift.chooser.promise.coverage,
        "messages": drift.accepted.count,
        "without_message": drift.without,
        **_ends(drift.accepted),
    }


def _ends(bound: Anytime) -> dict[str, Any]:
    return {
        "mean": bound.mean if bound.count else None,
        "low": bound.low,
        "high": bound.high,
    }
