"""Recover from failures by one policy: retry, fallback, replan, a person or an abort."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from langgraph.errors import NodeError, is_invalid_resume
from langgraph.types import Command, RetryPolicy

from quintet.errors import CircuitOpen, DesignError, PersonNeeded
from quintet.nodes.core.actions import with_update
from quintet.nodes.core.classify import Classifier, classify
from quintet.nodes.core.handed import Handed, beside, slot_of
from quintet.nodes.core.handled import keep_alive
from quintet.nodes.core.joined import is_last, meet_at
from quintet.nodes.core.kinds import Checked
from quintet.nodes.core.left import left_behind, left_within
from quintet.nodes.core.node import failure_of, values
from quintet.nodes.core.question import ask_again
from quintet.nodes.core.reported import in_books, late, reported
from quintet.nodes.core.retry_after import retry_after
from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import current_task
from quintet.state.budget import RESOURCES, Budget
from quintet.state.channels import BEFORE
from quintet.state.deadline import deadline_of
from quintet.state.decision import Decision, Kind
from quintet.state.failure import FAILURE_CLASSES, Failure, FailureClass, StepFailed
from quintet.state.plan import step_key
from quintet.state.record import plain
from quintet.state.run import mark, run_of
from quintet.state.verdict import name_of, refuse_async

log = logging.getLogger("quintet")

RemedyKind = Literal["retry", "fallback", "replan", "escalate", "abort"]

_INJECTED = cast(NodeError, None)


@dataclass(frozen=True, kw_only=True)
class Remedy(Checked):
    """Hold one way to go on after a failure; `retry`, `fallback` and the like make it.

    Args:
        kind: what to do.
        to: the node to go to; unused by `retry`.
        times: the number of uses in a run for one piece of work, a node or a plan's step; for
            `retry`, the number of attempts, the first included.
        wait: seconds before the second attempt; each further wait is twice as long.
        most: the longest wait, in seconds.
    """

    kind: RemedyKind
    to: str = ""
    times: int = 1
    wait: float = 0.5
    most: float = 30.0

    @property
    def name(self) -> str:
        """Give the name by which records know it."""
        return f"{self.kind}:{self.to}" if self.to else self.kind


Remedies = Remedy | tuple[Remedy, ...]


def retry(times: int = 3, *, wait: float = 0.5, most: float = 30.0) -> Remedy:
    """Try again, `times` attempts in all, waiting `wait` seconds, then twice that, up to `most`.

    Raises:
        DesignError: fewer than two attempts, or a negative wait.
    """
    if not isinstance(times, int) or not isinstance(wait, int | float) or times < 2 or wait < 0:
        raise DesignError(f"retry({times!r}, wait={wait!r}): give two attempts or more, wait >= 0")
    return Remedy(kind="retry", times=times, wait=wait, most=most)


def fallback(to: str) -> Remedy:
    """Give the same work to another node, once in a run for each piece of work."""
    return Remedy(kind="fallback", to=to)


def replan(to: str = "plan", *, times: int = 2) -> Remedy:
    """Go back to the planner with the failure as evidence, at most `times` in a run."""
    return Remedy(kind="replan", to=to, times=times)


def escalate(to: str = "person") -> Remedy:
    """Hand control to a person with what was tried."""
    return Remedy(kind="escalate", to=to, times=10**9)


def abort(to: str = "undo") -> Remedy:
    """Take back what was done and end the run; `to` is an `Undo` node, or any that ends it."""
    return Remedy(kind="abort", to=to, times=10**9)


@dataclass(frozen=True, kw_only=True)
class Recovery(Checked):
    """Choose a remedy by the class of a failure; give it as a node's `error_handler`.

    Each class has one remedy or several in order; when they are used up, `otherwise` comes. Retries
    run as LangGraph's own `retry_policy`; the other remedies run here after the last attempt. A
    remedy that a piece of work has used as often as it may is passed over, so that a run always
    ends. A person's answer that the question's own schema refuses is no failure: the question is
    asked again.

    An error that carries a `Retry-After` makes the next attempt wait at least that long; where that
    is longer than the remedy's `most`, or a breaker is open, the next remedy comes at once. Once
    the run's deadline has passed, `otherwise` comes at once.

    Args:
        transient, rate_limit, timeout, invalid, contract, denied, permanent, unknown: the remedies
            of each class.
        otherwise: the last remedy; `escalate()` or `abort()`.
        classify: your own classifier, asked first; None from it means "by the usual rules".
        budget: `retries` bounds the remedies of a run; at the limit, `otherwise` comes at once.
        join: the node that judges the failure of a branch in place of the last remedy; filled in by
            `create_parallel`.

    Raises:
        DesignError: an `otherwise` that may run out, a retry that is not first, a budget of
            anything but `retries`, or something that is no remedy.
    """

    transient: Remedies = Remedy(kind="retry", times=3)
    rate_limit: Remedies = Remedy(kind="retry", times=4, wait=1.0)
    timeout: Remedies = Remedy(kind="retry", times=2)
    invalid: Remedies = Remedy(kind="retry", times=2)
    contract: Remedies = ()
    denied: Remedies = ()
    permanent: Remedies = ()
    unknown: Remedies = ()
    otherwise: Remedy = Remedy(kind="escalate", to="person", times=10**9)
    classify: Classifier | None = None
    budget: Budget = Budget()
    join: str = ""

    writes = frozenset({"failures", "remedies", "decisions", "spent", "actions", "kept", "run"})

    def __post_init__(self) -> None:
        for kind in (*FAILURE_CLASSES, "otherwise"):
            remedies = getattr(self, kind)
            for remedy in remedies if isinstance(remedies, tuple) else (remedies,):
                if not isinstance(remedy, Remedy):
                    raise DesignError(
                        f"Recovery({kind}={remedy!r:.60}): give retry(), fallback('node'), "
                        "replan(), escalate() or abort(), or a tuple of them"
                    )
        if self.classify is not None:
            refuse_async("Recovery(classify=)", self.classify)
        if idle := [r for r in RESOURCES if r != "retries" and getattr(self.budget, r) is not None]:
            raise DesignError(
                f"Recovery(budget=Budget({idle[0]}=...)): recovery bounds its remedies by retries "
                "alone; give the limit to Contract(budget=) or Router(budget=)"
            )
        if self.otherwise.kind not in ("escalate", "abort"):
            raise DesignError(
                f"Recovery(otherwise={self.otherwise.name}): the last remedy must end the run; "
                "give escalate() or abort()"
            )
        for kind in FAILURE_CLASSES:
            chain = self.chain(kind)
            if any(remedy.kind == "retry" for remedy in chain[1:]):
                raise DesignError(f"Recovery({kind}=...): retry comes first or not at all")

    def chain(self, kind: FailureClass) -> tuple[Remedy, ...]:
        """Give the remedies of a class in order, `otherwise` last."""
        remedies: Remedies = getattr(self, kind)
        return (*((remedies,) if isinstance(remedies, Remedy) else remedies), self.otherwise)

    def without(self, kind: RemedyKind) -> Recovery:
        """Give the same policy without one kind of remedy, for a node that it does not suit."""
        chains: dict[str, Any] = {
            name: tuple(r for r in self.chain(name)[:-1] if r.kind != kind)
            for name in FAILURE_CLASSES
        }
        return replace(self, **chains)

    def class_of(self, problem: BaseException) -> FailureClass:
        """Give the class of a failure: by your classifier, else by the usual rules."""
        cause: BaseException | None = problem
        while isinstance(cause, StepFailed):  # one within the other, where handoffs are nested
            cause = cause.__cause__
        kind: FailureClass | None = None
        if self.classify is not None and cause is not None:
            # A classifier that fails itself must not lose the failure that it was asked about.
            with suppress(Exception):
                kind = self.classify(cause)
        if kind and kind not in FAILURE_CLASSES:
            log.warning("%s: %r is no class of failure", name_of(self.classify), kind)
            kind = None
        return kind or classify(problem)

    @property
    def destinations(self) -> tuple[str, ...]:
        """Name the nodes that a failure may go to."""
        chains = (self.chain(kind) for kind in FAILURE_CLASSES)
        nodes = (r.to for chain in chains for r in chain if r.to)
        return tuple(dict.fromkeys((*nodes, self.join) if self.join else nodes))

    @property
    def retry_policy(self) -> tuple[RetryPolicy, ...]:
        """Give the retries as LangGraph's own policies, for a node's `retry_policy`."""
        retries = tuple(
            RetryPolicy(
                max_attempts=first.times,
                initial_interval=first.wait,
                max_interval=first.most,
                jitter=first.wait >= 1,  # it adds up to a second, more than a short wait itself
                retry_on=OfClass(kind=kind, recovery=self, most=first.most),
            )
            for kind in FAILURE_CLASSES
            if (first := self.chain(kind)[0]).kind == "retry"
        )
        if retries or self.classify is None:
            return retries
        # One attempt, and so no retry: it has your classifier asked while the exception is there.
        return (RetryPolicy(max_attempts=1, retry_on=OfClass(kind="unknown", recovery=self)),)

    def __call__(self, state: Any, error: NodeError = _INJECTED) -> Command[str]:
        """Record the failure, and go to the node of the first remedy that is left."""
        try:
            return self._handled(values(state), error)
        finally:
            keep_alive(error.error)

    def _handled(self, known: Mapping[str, Any], error: NodeError) -> Command[str]:
        if isinstance(error.error, BaseException) and is_invalid_resume(error.error):
            again = ask_again(known, error.node, error.error)
            return replace(again, update=_with_left(again.update))
        step = SentStep.of(known)
        failure, update = self._failure(error, step.id)
        work = _work(known, failure, current_task(error.node).path)
        deadline = deadline_of(run_of(known))
        if deadline is not None and (passed := deadline.passed) is not None:
            failure, remedy = late(failure, passed), self.otherwise
        else:
            remedy = self._remedy(failure, known.get("remedies"), work)
            if step.spare and remedy.kind == "escalate" and failure.error != PersonNeeded.__name__:
                remedy = replan(step.planner)  # the plan goes on with another vote or way
        use = f"{remedy.name} at {work}"
        decision = Decision(
            kind=_KINDS[remedy.kind],
            node=failure.node,
            choice=remedy.to or remedy.kind,
            reason=str(failure)[:300],
            candidates=tuple(r.name for r in self.chain(failure.kind)),
        )
        update = mark(known, error.node) | {
            **update,
            "failures": [plain(failure) | {"remedy": remedy.name}],
            "remedies": {use: 1},
            "decisions": [*update.get("decisions", ()), plain(decision)],
        }
        if note := _noted(remedy, failure, known, step):
            update["kept"] = {**update.get("kept", {}), **note}
            known = {**known, "kept": {**(known.get("kept") or {}), **note}}
        used = known.get("remedies") or {}
        # A fallback sees nothing but what is sent: it takes along the count, and what was done.
        did = with_update(known, {"actions": update.get("actions")})["actions"]
        sent = {**known, "remedies": {**used, use: used.get(use, 0) + 1}, "actions": did}
        command = Command(goto=_target(remedy, step, sent), update=update)
        if not self.join:
            return command
        last = is_last(failure) or bool(deadline is not None and deadline.passed)
        return meet_at(self.join, sent, failure, error.node, command, last=last)

    def _failure(self, error: NodeError, step: str) -> tuple[Failure, dict[str, Any]]:
        task = current_task("recover")  # a handler runs as the task that failed
        problem = error.error
        if isinstance(problem, str):  # a resume has kept the exception's `repr` alone
            text, problem = problem, StepFailed.parse(problem)
            if problem is None:
                left = left_behind(task.id, {}) or in_books(task)
                return reported(text, error.node, step), left
        if isinstance(problem, StepFailed):
            kind = self.class_of(problem) if problem.__cause__ else problem.failure.kind
            record = replace(problem.failure, kind=kind, step=problem.failure.step or step)
            return record, left_behind(task.id, problem.update)
        left = left_behind(task.id, {})
        failure = failure_of(problem, replace(task, node=error.node), step=step)
        return replace(failure, kind=self.class_of(problem)), left

    def _remedy(self, failure: Failure, used: Mapping[str, int] | None, work: str) -> Remedy:
        if failure.error == PersonNeeded.__name__:
            return self.otherwise
        limit = self.budget.retries
        if limit is not None and sum(_counts(used).values()) >= limit:
            return self.otherwise
        # A node whose input leaves the `remedies` out cannot count: it gets one fallback, no more.
        blind = used is None
        if blind and failure.node in self.destinations:
            return self.otherwise
        for remedy in self.chain(failure.kind):
            used_up = _counts(used).get(f"{remedy.name} at {work}", 0) >= remedy.times
            unfit = remedy.kind == "retry" or (blind and remedy.kind == "replan")
            if not (unfit or used_up or remedy.to == failure.node):
                return remedy
        return self.otherwise


def _work(known: Mapping[str, Any], failure: Failure, path: str) -> str:
    """Name the piece of work that failed: a plan's step, or a node with the action's key.

    Work that a fallback has taken over keeps the name that it had at the node that failed first.
    """
    step = SentStep.of(known)
    if step.planner:
        return step_key(step.record)
    taken_over = f"fallback:{failure.node} at "
    for use in reversed(list(_counts(known.get("remedies")))):
        if use.startswith(taken_over):
            return use.removeprefix(taken_over)
    return f"{path}:{failure.step}" if failure.step else path


def _noted(
    remedy: Remedy, failure: Failure, known: Mapping[str, Any], step: SentStep
) -> dict[str, Any]:
    """Give the notes for a step's planner, and for a fallback what the failed worker was handed."""
    notes = step.ended(_ended_by(remedy, failure))
    slot = slot_of(current_task(failure.node), step)
    handed = Handed.to(slot, known) if remedy.kind == "fallback" else None
    if handed is not None and (handed.payload or handed.asked):
        notes |= handed.update(beside(slot, remedy.to))
    return notes


def _counts(used: Mapping[str, int] | None) -> dict[str, int]:
    """Give the counts of remedies, without the mark of those that a nested graph was given."""
    return {name: times for name, times in (used or {}).items() if name != BEFORE}


def _ended_by(remedy: Remedy, failure: Failure) -> dict[str, Any]:
    """Say how recovery has ended a step, for the planner that judges it."""
    if remedy.kind == "fallback":
        return {"status": "moved", "to": remedy.to}
    if remedy.kind == "replan":
        return {"status": "failed", "why": failure.message}
    return {"status": "ended", "to": remedy.to, "why": f"step {failure.step}: {failure.message}"}


def _with_left(update: Any) -> dict[str, Any]:
    """Add what the failed node's graph has done to an update: the graph will be started anew."""
    left = left_within(current_task("recover").id)
    return {**left, **update, "decisions": [*left.get("decisions", ()), *update["decisions"]]}


_KINDS: dict[RemedyKind, Kind] = {
    "retry": "retry",
    "fallback": "fallback",
    "replan": "replan",
    "escalate": "escalation",
    "abort": "abort",
}


@dataclass(frozen=True, kw_only=True)
class OfClass:
    """Match exceptions of one class, as `RetryPolicy(retry_on=)` takes it."""

    kind: FailureClass
    recovery: Recovery
    most: float = Remedy.most

    def __call__(self, problem: Exception) -> bool:
        """Say whether an exception is of the class, and is worth another attempt soon."""
        # A refused answer is asked for again, not given again.
        if is_invalid_resume(problem):
            return False
        kind = self.recovery.class_of(problem)
        if isinstance(problem, StepFailed):
            # Now it is known by its exception; after a resume, its record is all that is left.
            problem.failure = replace(problem.failure, kind=kind)
        if kind != self.kind:
            return False
        # An open circuit is not knocked at, nor one who wants to be left alone for longer.
        return not _is_open(problem) and (retry_after(problem) or 0.0) <= self.most


def _is_open(problem: BaseException) -> bool:
    """Say whether a step failed because a breaker refused its call."""
    cause: BaseException | None = problem
    while isinstance(cause, StepFailed):
        cause = cause.__cause__
    return isinstance(cause, CircuitOpen)


def _target(remedy: Remedy, step: SentStep, state: Mapping[str, Any]) -> Any:
    """Give the next node. A plan's step falls back to another node; all else is its planner's."""
    if step and remedy.kind == "fallback":
        return step.forward(remedy.to, state)
    return step.planner or remedy.to
