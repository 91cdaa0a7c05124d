"""End a run: with an outcome on evidence, or with a packet for a person."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from quintet.errors import DesignError
from quintet.nodes.core.actions import of_this_run, refused
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import Logic, drive
from quintet.nodes.core.did import complete
from quintet.nodes.core.dry import would_be_done
from quintet.nodes.core.kept import kept
from quintet.nodes.core.node import Node, one_line, values
from quintet.nodes.core.spoken import spoken
from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.route import path_of
from quintet.state.action import shown
from quintet.state.channels import OPEN
from quintet.state.decision import Decision
from quintet.state.outcome import Outcome, Status
from quintet.state.own import own
from quintet.state.questions import asked_texts, new_questions
from quintet.state.record import digest, plain
from quintet.state.run import is_within, mark, run_of
from quintet.state.step import root_of
from quintet.state.verdict import Criterion, check_answers, name_of, why_not

log = logging.getLogger("quintet")

StateCriterion = Criterion[[Mapping[str, Any]]]
"""A criterion on the final state."""


@dataclass(frozen=True, kw_only=True)
class Finish(Node):
    """Write the outcome of the run. `done` is written only where the state holds the evidence.

    Evidence is a result that met its contract, and no action, question or step of a plan left open;
    further criteria on the final state may be given. A run in which a person said no ends as
    `rejected`, and so does one in which a worker refused within its authority: a result with a
    non-empty `refused` says why. A run in which a worker asked the customer ends as `asked`, with
    what was done and refused besides. A run without the evidence ends as `escalated`; its reason
    names all that does not hold.

    Args:
        success: criteria on the final state; all must hold for `done`.

    Raises:
        DesignError: a criterion that is no function, or async, which nothing would await.
    """

    success: tuple[StateCriterion, ...] = ()

    # The answer of a graph that was sent a step is not named here: no node after it needs one.
    writes = frozenset({"outcome", "actions", "decisions", "run"})

    def __post_init__(self) -> None:
        given: Any = (self.success,) if callable(self.success) else self.success
        if not isinstance(given, Iterable) or isinstance(given, Mapping | str):
            raise DesignError(f"Finish(success={given!r:.60}): give functions of the final state")
        criteria = tuple(given)
        object.__setattr__(self, "success", criteria)
        for criterion in criteria:
            if not callable(criterion):
                raise DesignError(f"Finish(success=): {criterion!r:.60} is no function")
        check_answers("Finish(success=)", *criteria)

    def logic(self, state: Mapping[str, Any]) -> Logic[dict[str, Any]]:
        """Judge the state and write the outcome."""
        task = current_task("finish")
        if task.id and "run" not in state:
            raise DesignError(
                f"{task.node}: the state has no outcome, and what is written there would be lost; "
                "inherit OrchestrationState"
            )
        # The criteria too see all that the run has done, and not only its last actions.
        state = yield from complete(state, task)
        # A `done` that is there already was written by a graph that ran before this one.
        before = state.get("outcome") or {}
        if before.get("status", "done") != "done":
            return closed(state) | spoken(state, before["status"], task)
        # Opened for its journal alone: judging is no part of a budget.
        attempt = Attempt(task=task)
        mode = yield from attempt.find_mode()
        outcome = (
            self._asked(state)
            or _refused(state)
            or self._unproven(state, self._wanting(state, task))
            or self._done(state)
        )
        if mode.dry:
            outcome = said_dry(outcome, (yield from would_be_done(attempt, run_of(state))))
        update = closed(state) | ended(outcome, task, state)
        if outcome.status == "done":
            results = SentStep.of(state).answer_at_end(state.get("results") or {})
            update |= {"results": results} if results else {}
        return update

    def _asked(self, state: Mapping[str, Any]) -> Outcome | None:
        """Give the outcome where the customer is to answer, unless something needs a person."""
        questions = asked_texts(new_questions(state))
        if not questions:
            return None
        if wrong := _left_open(state):
            return self._unproven(state, [*wrong, f"and the customer was asked: {questions}"])
        reasons = [f"{name} asks the customer: {text}" for name, text in questions.items()]
        evidence: dict[str, Any] = {"questions": questions, "done": _effects(state)}
        if (no := _refused(state)) is not None:
            reasons.append(no.reason)
            evidence["refused"] = no.evidence["refused"]
        elif evidence["done"]:
            reasons.append(f"done: {_few(evidence['done'])}")
        return Outcome(status="asked", reason="; ".join(reasons), evidence=evidence)

    def _wanting(self, state: Mapping[str, Any], task: Task) -> list[str]:
        """Say all that `done` lacks."""
        wrong = [*_left_open(state), *_steps_left(state), *_mistold(state, task)]
        if SentStep.of(state).lacks_result(state.get("results") or {}):
            wrong.append("no worker gave a result")
        return [*wrong, *(why for each in self.success if (why := _unmet(each, state)))]

    def _unproven(self, state: Mapping[str, Any], wrong: list[str]) -> Outcome | None:
        if not wrong:
            return None
        return Outcome(
            status="escalated",
            reason=f"not done: {'; '.join(wrong)}",
            evidence={"packet": packet(state)},
        )

    def _done(self, state: Mapping[str, Any]) -> Outcome:
        results = sorted(state.get("results") or {})
        effects = _effects(state)
        held = [name_of(criterion) for criterion in self.success]
        # The runs of a plan's step, such as `read[3]`, are told by the step.
        told = [name for name in results if root_of(name) == name or root_of(name) not in results]
        reason = f"{', '.join(told)} met the contract"
        if effects:
            reason += f"; done: {_few(effects)}"
        evidence = {"results": results, "effects": effects, "criteria": held}
        return Outcome(status="done", reason=reason, evidence=evidence)


def hand_over(state: Any) -> dict[str, Any]:
    """End the run as `escalated`: a person takes over, with a packet that says what was tried.

    Where a budget was used up, the run ends as `exhausted` instead.
    """
    task = current_task("person")
    known: Mapping[str, Any] = drive(complete(values(state), task))
    why, spent_up = _why(known)
    status: Status = "exhausted" if spent_up else "escalated"
    reason = one_line(why, 300) or "a person was asked for"
    outcome = Outcome(status=status, reason=reason, evidence={"packet": packet(known)})
    would = dry_actions(known)
    outcome = said_dry(outcome, would) if would else outcome
    return mark(known, "person") | closed(known) | ended(outcome, task, known)


_ASKS = ("escalation", "route", "handoff", "replan", "merge")
SPENT = ("BudgetExhausted",)


def _why(state: Mapping[str, Any]) -> tuple[str, bool]:
    """Say why a person is asked, by the last record that led here, and whether a budget is used up.

    The records only word the reason. That a person is asked is already decided: control came here.
    """
    asks = [d for d in state.get("decisions") or () if d["kind"] in _ASKS]
    failure = next(iter((state.get("failures") or ())[-1:]), None)
    if failure is not None and not failure.get("remedy", "").startswith(("fallback", "replan")):
        spent_up = failure["error"] in SPENT
        if not asks or asks[-1]["node"] == failure["node"]:
            return failure["message"], spent_up
        return asks[-1]["reason"], spent_up
    if asks:
        return asks[-1]["reason"], asks[-1]["who"] == "budget"
    return "a person was asked for", False


def packet(state: Mapping[str, Any]) -> dict[str, Any]:
    """Give a person what they need to take over: request, path, what was tried, what is open."""
    actions = of_this_run(state)
    return {
        "request": one_line(state.get("message", ""), 500),
        "path": path_of(state.get("decisions") or ()),
        "tried": [
            f"{f['node']}: {f['kind']}: {one_line(f['message'])}"
            for f in state.get("failures") or ()
        ],
        "done": [at for at, item in actions.items() if item["status"] == "done"],
        "open": [at for at, item in actions.items() if item["status"] not in _OVER],
        "results": dict(state.get("results") or {}),
    }


_OVER = ("done", "undone", "dry")


def closed(state: Mapping[str, Any]) -> dict[str, Any]:
    """Mark open actions as failed in a state update, so that nothing runs them later."""
    update = {}
    for at, item in of_this_run(state).items():
        if "again" in item or item["status"] in OPEN:
            end = {"status": "failed", "result": "not done: its run ended before"}
            update[at] = {**item.get("again", item), **end}
    return {"actions": update} if update else {}


def dry_actions(state: Mapping[str, Any]) -> list[str]:
    """Give the effects that this run would have done if it were not dry, as the state has them."""
    return [
        f"{item['name']}({shown(item['arguments'])})" if "arguments" in item else at
        for at, item in of_this_run(state).items()
        if item["status"] == "dry"
    ]


def said_dry(outcome: Outcome, would: list[str]) -> Outcome:
    """Give the outcome of a dry run: it says that it was one, and what would have been done."""
    done = f"; would be done: {_few(would)}" if would else ""
    return replace(
        outcome,
        reason=f"a dry run, in which no effect happens{done}; {outcome.reason}",
        evidence={**outcome.evidence, "dry_run": True, "would_be_done": would},
    )


def ended(outcome: Outcome, task: Task, state: Mapping[str, Any]) -> dict[str, Any]:
    """Give the state update of an outcome, with its decision record, and a conversation's turns."""
    status, why = outcome.status, outcome.reason
    decision = Decision(kind="outcome", node=task.node, choice=status, reason=why)
    update = {"outcome": plain(outcome), "decisions": [plain(decision)]}
    return update | spoken(state, status, task)


def _refused(state: Mapping[str, Any]) -> Outcome | None:
    """Give the outcome where a person or a worker said no to any part of what was asked."""
    results = state.get("results") or {}
    declined = {
        name: result["refused"]
        for name, result in results.items()
        if isinstance(result, Mapping) and result.get("refused")
    }
    reasons = [_refusal(item) for item in refused(state)]
    reasons += [f"{name} refused: {why}" for name, why in declined.items()]
    if not reasons:
        return None
    done = _effects(state)
    if done:
        reasons.append(f"done all the same: {_few(done)}")
    return Outcome(
        status="rejected", reason="; ".join(reasons), evidence={"refused": declined, "done": done}
    )


def _refusal(item: Mapping[str, Any]) -> str:
    answer = item["approval"]
    # An old action has lost its arguments; see `state.channels`.
    call = f"{item['name']}({shown(item['arguments'])})" if "arguments" in item else item["name"]
    why = f": {answer['note']}" if answer["note"] else ""
    return f"{answer['by']} said {answer['answer']} to {call} [{answer['digest']}]{why}"


def _left_open(state: Mapping[str, Any]) -> list[str]:
    """Name the actions, conflicts and pauses of this run that a person must look at."""
    mine = of_this_run(state)
    wrong = [item["clash"] for item in mine.values() if "clash" in item]
    wrong += [
        f"action {at} is {item['status']}"
        for at, item in mine.items()
        if item["status"] in (*OPEN, "unknown")
    ]
    wrong += [
        f"{merge} is not settled: {', '.join(fields)}"
        for merge, fields in kept(state, "conflicts").items()
    ]
    return wrong + [f"{slot} waits for a person" for slot in kept(state, "paused")]


def _steps_left(state: Mapping[str, Any]) -> list[str]:
    """Name the steps of this run's plans that are not done."""
    left = []
    for planner, record in kept(state, "plan").items():
        undone = [name for name in record["steps"] if name not in record["done"]]
        if undone and not record.get("over"):
            left.append(f"{planner}: {', '.join(undone)} of the plan is not done")
    return left


def _mistold(state: Mapping[str, Any], task: Task) -> Iterator[str]:
    """Name the dispatchers of this graph whose result or note is not what they gave in this run."""
    run, results, graph = run_of(state), state.get("results") or {}, _graph(task.path)
    for path, record in kept(state, "events").items():
        node, told, of = path.rpartition("/")[2], record.get("told"), record.get("run")
        if _graph(path) != graph:
            continue
        if told and digest(results.get(node)) != told:
            yield f"the result of {node} was changed after it was given"
        if run and of and of != run:
            yield f"the events of {node} are those of run {of}, and this is run {run}"


def _graph(path: str) -> str:
    return path.rpartition("/")[0]


def _unmet(criterion: StateCriterion, state: Mapping[str, Any]) -> str | None:
    """Say why a criterion does not hold, or None. One that raises does not hold: the run ends."""
    try:
        reason = why_not(criterion(own(state)), criterion)
    except Exception as problem:
        log.warning("criterion %s raised", name_of(criterion), exc_info=problem)
        reason = f"{type(problem).__name__}: {problem}"
    return None if reason is None else f"{name_of(criterion)}: {reason}"


def _effects(state: Mapping[str, Any]) -> list[str]:
    """Give the keys of the effects that this run has done."""
    run = run_of(state)
    return [
        at
        for at, item in of_this_run(state).items()
        if item["status"] == "done" and (not run or is_within(item.get("run") or run, run))
    ]


FEW = 20


def _few(keys: list[str]) -> str:
    more = f" and {len(keys) - FEW} more, {len(keys)} in all" if len(keys) > FEW else ""
    return ", ".join(keys[:FEW]) + more
