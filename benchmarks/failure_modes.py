"""Measure the failure lens: runs with one failure mode planted, beside clean runs that tempt it.

A seeded simulation makes runs of a desk of agents: with retries, polls, lookups again after a
change, reviews that ask for another round, fallbacks, escalations. Into each of some a mode of MAST
(Cemri et al. 2025, arXiv 2503.13657) is planted, in one of several ways; some of these leave no
record that a rule can see, as in real systems. Precision counts every mode named that was not
planted as a mistake, also where one mode led to another.

    python -m benchmarks.failure_modes            # a table
    python -m benchmarks.failure_modes --json     # one object
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.machine import versions
from quintet.evals import Case, ToolCall, Trajectory, failure_modes
from quintet.evals.lens.modes import RULES
from quintet.state import Decision, Failure
from quintet.stats import wilson

TOOLS = ("find_order", "read_policy", "get_customer", "check_stock", "quote")
AGENTS = ("billing", "shipping", "technical")
Run = tuple[Case, Trajectory]
Plant = Callable[[random.Random, Case, Trajectory], Run]


def _call(name: str, status: str = "ok", **more: Any) -> ToolCall:
    return ToolCall(name=name, status=status, **more)  # type: ignore[arg-type]


def _decided(kind: str, choice: str, node: str = "router", **more: Any) -> Decision:
    return Decision(kind=kind, node=node, choice=choice, reason="", at=1.0, **more)  # type: ignore[arg-type]


def clean(rng: random.Random, number: int) -> Run:
    """Make a run that did its work, with one of the habits that look like a failure."""
    agent, order = rng.choice(AGENTS), rng.randrange(100)
    names = rng.sample(TOOLS, rng.randint(2, 4))
    calls = [_call(name, arguments={"order": order}, node=agent) for name in names]
    calls.append(_call("pay", arguments={"order": order}, node=agent, key=f"pay:{order}"))
    others = tuple(name for name in AGENTS if name != agent)
    decisions = [_decided("route", agent, seen=f"order {order}", candidates=others)]
    case = Case(
        id=f"r{number:05}",
        input=f"order {order}",
        never="wipe",
        calls=[call.name for call in calls] if rng.random() < 0.7 else None,
        state={"paid": True} if rng.random() < 0.5 else None,
    )
    ran = Trajectory(path=("router", agent, "finish"), calls=tuple(calls), state={"paid": True})
    decisions += [_decided("outcome", "done", "finish")] if rng.random() < 0.6 else []
    habit = rng.choice(HABITS)
    return habit(rng, case, replace(ran, decisions=tuple(decisions)))


def _as_it_is(_: random.Random, case: Case, ran: Trajectory) -> Run:
    return case, ran


def _retried(_: random.Random, case: Case, ran: Trajectory) -> Run:
    first = ran.calls[0]
    return case, replace(ran, calls=(replace(first, status="failed"), *ran.calls))


def _looked_again(_: random.Random, case: Case, ran: Trajectory) -> Run:
    """Look a thing up again after it was changed."""
    return replace(case, calls=None), replace(ran, calls=(*ran.calls, ran.calls[0]))


def _reviewed(_: random.Random, case: Case, ran: Trajectory) -> Run:
    said = (_decided("review", "reject", "critic"), _decided("review", "approve", "critic"))
    return case, replace(ran, decisions=(*ran.decisions[:1], *said, *ran.decisions[1:]))


def _fell_back(_: random.Random, case: Case, ran: Trajectory) -> Run:
    failure = Failure(node=ran.path[1], kind="timeout", error="TimeoutError", message="slow", at=1)
    path = (*ran.path[:2], "basic", "finish")
    fallback = _decided("fallback", "basic", ran.path[1])
    decisions = (*ran.decisions[:1], fallback, *ran.decisions[1:])
    return case, replace(ran, path=path, decisions=decisions, failures=(failure,))


def _went_elsewhere(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    """Find nothing in one place, and go on with another."""
    tried = _call("search", "failed", arguments={"n": rng.randrange(9)}, node=ran.path[1])
    return replace(case, calls=None), replace(ran, calls=(tried, *ran.calls))


def _escalated(_: random.Random, case: Case, ran: Trajectory) -> Run:
    bare = replace(case, calls=None, state=None)
    path = ("router", "person")
    return bare, replace(ran, path=path, calls=(), status="escalated", escalated=True)


def _refused(_: random.Random, case: Case, ran: Trajectory) -> Run:
    """Have a person refuse the payment, so that it is not made."""
    no = _decided("approval", "reject", "gate", by="person", who="mo", seen="pay(order=7) [x]")
    calls = (*ran.calls[:-1], replace(ran.calls[-1], status="refused"))
    bare = replace(case, calls=None, state=None)
    decisions = (*ran.decisions[:1], no)
    return bare, replace(ran, calls=calls, asked=("pay",), decisions=decisions, status="rejected")


def _fanned_out(_: random.Random, case: Case, ran: Trajectory) -> Run:
    several = _decided("route", ", ".join(AGENTS[:2]), "fan_out", candidates=AGENTS)
    path = ("fan_out", *AGENTS[:2], "join", "finish")
    return case, replace(ran, path=path, decisions=(several, *ran.decisions[1:]))


HABITS: tuple[Plant, ...] = (
    *(_as_it_is, _as_it_is, _retried, _looked_again, _reviewed, _fell_back, _went_elsewhere),
    *(_escalated, _refused, _fanned_out),
)


def _fails(ran: Trajectory, error: str, message: str, kind: str = "contract") -> Trajectory:
    failure = Failure(node=ran.path[1], kind=kind, error=error, message=message, at=2)  # type: ignore[arg-type]
    return replace(ran, failures=(*ran.failures, failure))


def _without_end(ran: Trajectory) -> Trajectory:
    return replace(ran, decisions=tuple(d for d in ran.decisions if d.kind != "outcome"))


def plant_1_1(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    way = rng.randrange(3)
    if way == 0:
        return replace(case, calls=None), replace(ran, calls=(*ran.calls, _call("wipe")))
    if way == 1:
        return case, _fails(ran, "ContractBroken", "'reply' is missing from what it gave")
    # A constraint in words only, of which no label knows.
    return replace(case, calls=None, state=None), replace(ran, answer="against the task")


def plant_1_2(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    if rng.random() < 0.7:
        return case, replace(ran, calls=(*ran.calls, _call("pay_out", "refused")))
    return replace(case, calls=None), replace(ran, calls=(*ran.calls, _call("pay_out")))


def plant_1_3(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    case = replace(case, calls=None)
    if not ran.calls:
        return case, replace(ran, calls=(_call("find_order"), _call("find_order")))
    at = rng.randrange(len(ran.calls))
    again, way = ran.calls[at], rng.randrange(3)
    if way == 0:
        calls = (*ran.calls[: at + 1], again, *ran.calls[at + 1 :])
    elif way == 1:
        calls = (*ran.calls, again, _call("note"), again, _call("note", arguments={"n": 2}), again)
    else:  # in other words
        other = replace(again, arguments={**again.arguments, "again": True}, key="")
        calls = (*ran.calls[: at + 1], other, *ran.calls[at + 1 :])
    return case, replace(ran, calls=calls)


def plant_1_4(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    texts = ("Which order?", "Which order?") if rng.random() < 0.7 else ("Which order?", "Order?")
    asked = [
        Decision(kind="question", node=ran.path[1], choice="asked", reason=text, at=1)
        for text in texts
    ]
    return case, replace(ran, decisions=(*ran.decisions[:1], *asked, *ran.decisions[1:]))


def plant_1_5(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    case = replace(case, calls=None, state=None)
    if rng.random() < 0.5:
        return case, replace(_without_end(ran), status="exhausted", reason="12 steps")
    return case, replace(
        _without_end(_fails(ran, "HandoffLoop", "a -> b -> a")), status="escalated"
    )


def plant_2_1(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    case = replace(case, calls=None)
    if rng.random() < 0.5:
        return case, replace(ran, decisions=(*ran.decisions[:1], *ran.decisions))
    calls = tuple(_call(name, arguments={"n": 1}) for name in ("hello", "find_order", "quote"))
    second = calls if rng.random() < 0.7 else (*calls[:1], _call("find_order"), *calls[2:])
    return case, replace(ran, calls=(*calls, *second))


def plant_2_2(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    if rng.random() < 0.5:
        return replace(case, calls=None, state=None, outcome="asked"), replace(ran, escalated=False)
    case = replace(case, calls=None, state=None)
    needs = _fails(ran, "ContractBroken", "contract 'Pay' needs order")
    return case, replace(_without_end(needs), status="aborted", escalated=False)


def plant_2_3(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    other = (_call("book_table"), _call("send_poem"))
    labelled = rng.random() < 0.7
    case = replace(case, calls=["find_order", "pay"] if labelled else None, state=None)
    return case, replace(ran, calls=other)


def plant_2_4(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    needs = _fails(ran, "ContractBroken", "contract 'Pay' needs order")
    chain = (_decided("route", "front"), _decided("handoff", ran.path[1], "front"))
    if rng.random() < 0.3:  # by an agent that keeps no record of what it passes on
        chain = ()
    case = replace(case, calls=None, state=None)
    return case, replace(_without_end(needs), decisions=chain, status="escalated", escalated=True)


def plant_2_5(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    if rng.random() < 0.5:
        return case, replace(
            ran, decisions=(*ran.decisions, _decided("review", "reject", "critic"))
        )
    no = _decided("approval", "reject", "gate", by="person", who="mo", seen="pay(order=7) [x]")
    done = ran.calls or (_call("pay", key="pay:7"),)
    return case, replace(ran, decisions=(*ran.decisions, no), calls=done)


def plant_2_6(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    chosen = ran.decisions[0]
    if rng.random() < 0.6:
        path = ("router", chosen.candidates[0], "finish")
        return case, replace(ran, path=path, status="done", escalated=False)
    return case, replace(ran, answer="I shall look it up first.")  # words alone


def plant_3_1(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    if rng.random() < 0.4:
        return replace(case, calls=None), replace(_without_end(ran), status="unfinished")
    names = [call.name for call in ran.calls if call.status == "ok"] or ["find_order"]
    labelled = rng.random() < 0.7
    case = replace(case, calls=[*names, "tell"] if labelled else None)
    return case, replace(ran, status="done", escalated=False)


def plant_3_2(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    case = replace(case, calls=None)
    last = _call("send", rng.choice(("unknown", "failed")), key="send:1")
    return case, replace(ran, calls=(*ran.calls, last), status="done", escalated=False)


def plant_3_3(rng: random.Random, case: Case, ran: Trajectory) -> Run:
    passed = _decided("review", "approve", "critic")
    ran = replace(ran, decisions=(*ran.decisions, passed), status="done", escalated=False)
    labelled = rng.random() < 0.7
    return replace(case, state={"paid": "twice"} if labelled else None), ran


PLANTS: dict[str, Plant] = {
    "1.1": plant_1_1,
    "1.2": plant_1_2,
    "1.3": plant_1_3,
    "1.4": plant_1_4,
    "1.5": plant_1_5,
    "2.1": plant_2_1,
    "2.2": plant_2_2,
    "2.3": plant_2_3,
    "2.4": plant_2_4,
    "2.5": plant_2_5,
    "2.6": plant_2_6,
    "3.1": plant_3_1,
    "3.2": plant_3_2,
    "3.3": plant_3_3,
}


def _ends(hits: int, each: int) -> list[float]:
    interval = wilson(hits, each)
    return [interval.low, interval.high]


def measured(each: int, seed: int = 0) -> dict[str, Any]:
    """Plant every mode in so many runs, beside as many clean ones a mode, and count."""
    rng = random.Random(seed)
    hits: Counter[str] = Counter()
    named: Counter[str] = Counter()
    alarms = 0
    runs = [(code, clean(rng, number)) for number in range(each) for code in (*PLANTS, "")]
    for code, (case, ran) in runs:
        planted = PLANTS[code](rng, case, ran) if code else (case, ran)
        found = {mode.code for mode in failure_modes(*planted)}
        named.update(found)
        hits[code] += code in found
    for number in range(each * len(PLANTS)):
        alarms += bool(failure_modes(*clean(rng, number)))
    modes = {
        code: {
            "name": RULES[code][0],
            "planted": each,
            "found": hits[code],
            "recall": hits[code] / each,
            "recall_interval": _ends(hits[code], each),
            "named": named[code],
            "precision": hits[code] / named[code] if named[code] else None,
        }
        for code in PLANTS
    }
    total = sum(hits[code] for code in PLANTS)
    return {
        "each": each,
        "seed": seed,
        "modes": modes,
        "recall": total / (each * len(PLANTS)),
        "precision": total / sum(named.values()),
        "clean_runs": each * len(PLANTS),
        "clean_runs_with_a_mode": alarms,
    }


def table(found: dict[str, Any]) -> str:
    """Write the figures as a table."""
    lines = [f"{'mode':<40}{'planted':>8}{'found':>7}{'recall':>8}{'named':>7}{'precision':>11}"]
    for code, mode in found["modes"].items():
        sure = "-" if mode["precision"] is None else f"{mode['precision']:.3f}"
        lines.append(
            f"{code + ' ' + mode['name']:<40}{mode['planted']:>8}{mode['found']:>7}"
            f"{mode['recall']:>8.3f}{mode['named']:>7}{sure:>11}"
        )
    clean_runs = f"{found['clean_runs_with_a_mode']} of {found['clean_runs']:,} clean runs"
    whole = f"recall {found['recall']:.3f}, precision {found['precision']:.3f}"
    return "\n".join([*lines, f"all: {whole}; {clean_runs} show a mode"])


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--each", type=int, default=200, help="runs for each mode")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measured(options.each, options.seed)
    if options.json:
        print(json.dumps({**found, "versions": versions()}, indent=2))
    else:
        print(table(found))


if __name__ == "__main__":
    main()
