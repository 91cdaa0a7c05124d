"""Recovery: one policy for every failure, from retry to a person, under a budget."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from langgraph.errors import NodeError, is_invalid_resume
from langgraph.types import Command, RetryPolicy, Send

from quintet.errors import DesignError, PersonNeeded
from quintet.nodes.core.classify import Classifier, classify, classify_name
from quintet.nodes.core.kept import keep
from quintet.nodes.core.left import left_behind, left_within
from quintet.nodes.core.node import failure_of, values
from quintet.nodes.core.question import ask_again
from quintet.nodes.core.task import current_task
from quintet.state.budget import RESOURCES, Budget
from quintet.state.channels import BEFORE
from quintet.state.decision import Decision, Kind
from quintet.state.failure import FAILURE_CLASSES, Failure, FailureClass, StepFailed
from quintet.state.plan import end_of
from quintet.state.record import plain
from quintet.state.run import mark
from quintet.state.verdict import name_of, refuse_async

log = logging.getLogger("quintet")

RemedyKind = Literal["retry", "fallback", "replan", "escalate", "abort"]

_INJECTED = cast(NodeError, None)


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """One thing to do about a failure; made by `retry`, `fallback`, `replan`, `escalate`, `abort`.

    Args:
        kind: what to do.
        to: the node to go to; unused by `retry`.
        times: how often in a run for one piece of work, a node or a plan's step; for `retry`,
            attempts with the first included.
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
        """Its name in records."""
        return f"{self.kind}:{self.to}" if self.to else self.kind


Remedies = Remedy | tuple[Remedy, ...]


def retry(times: int = 3, *, wait: float = 0.5, most: float = 30.0) -> Remedy:
    """Try again, `times` attempts in all, waiting `wait` seconds, then twice that, up to `most`.

    Raises:
        DesignError: fewer than two attempts, or a negative wait.
    """
    if times < 2 or wait < 0:
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
class Recovery:
    """What to do about each class of failure; give it as a node's `error_handler`.

    Each class has one remedy or several in order; what is left goes to `otherwise`. Retries run
    as LangGraph's own `retry_policy`; the other remedies run here when the attempts are used up.
    A remedy that a piece of work has used as often as it may is passed over, so that a run always
    ends. An answer to a question that its own schema refuses is no failure: it is asked again.

    Args:
        transient, rate_limit, timeout, invalid, contract, denied, permanent, unknown: by class.
        otherwise: the last remedy; `escalate()` or `abort()`.
        classify: your own classifier, asked first; None from it means "by the usual rules".
        budget: `retries` bounds the remedies of a run; at the limit, `otherwise` comes at once.

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

    writes = frozenset({"failures", "remedies", "decisions", "spent", "actions", "kept", "run"})

    def __post_init__(self) -> None:
        for kind in (*FAILURE_CLASSES, "otherwise"):
            given = getattr(self, kind)
            for remedy in given if isinstance(given, tuple) else (given,):
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
        """The remedies of a class in order, `otherwise` last."""
        given: Remedies = getattr(self, kind)
        return (*((given,) if isinstance(given, Remedy) else given), self.otherwise)

    def without(self, kind: RemedyKind) -> Recovery:
        """The same policy without one kind of remedy, for a node that it does not suit."""
        chains: dict[str, Any] = {
            name: tuple(r for r in self.chain(name)[:-1] if r.kind != kind)
            for name in FAILURE_CLASSES
        }
        return replace(self, **chains)

    def class_of(self, problem: BaseException) -> FailureClass:
        """The class of a failure by your classifier, else by the usual rules."""
        cause: BaseException | None = problem
        while isinstance(cause, StepFailed):  # one within the other, where handoffs are nested
            cause = cause.__cause__
        said: FailureClass | None = None
        if self.classify is not None and cause is not None:
            # A classifier that fails itself must not lose the failure that it was asked about.
            with suppress(Exception):
                said = self.classify(cause)
        if said and said not in FAILURE_CLASSES:
            log.warning("%s: %r is no class of failure", name_of(self.classify), said)
            said = None
        return said or classify(problem)

    @property
    def destinations(self) -> tuple[str, ...]:
        """The nodes that a failure may go to."""
        chains = (self.chain(kind) for kind in FAILURE_CLASSES)
        return tuple(dict.fromkeys(r.to for chain in chains for r in chain if r.to))

    @property
    def retry_policy(self) -> tuple[RetryPolicy, ...]:
        """The retries as LangGraph's own policies, for a node's `retry_policy`."""
        return tuple(
            RetryPolicy(
                max_attempts=first.times,
                initial_interval=first.wait,
                max_interval=first.most,
                jitter=first.wait >= 1,
                retry_on=OfClass(kind=kind, recovery=self),
            )
            for kind in FAILURE_CLASSES
            if (first := self.chain(kind)[0]).kind == "retry"
        )

    def __call__(self, state: Any, error: NodeError = _INJECTED) -> Command[str]:
        """Record the failure and go where the first remedy that is left says."""
        known = values(state)
        if isinstance(error.error, BaseException) and is_invalid_resume(error.error):
            again = ask_again(known, error.node, error.error)
            return replace(again, update=_with_left(again.update))
        step = known.get("step") or {}
        failure, update = self._failure(error, str(step.get("id", "")))
        work = _work(known, failure, current_task(error.node).path)
        remedy = self._remedy(failure, known.get("remedies"), work)
        used = f"{remedy.name} at {work}"
        decision = Decision(
            kind=_KINDS[remedy.kind],
            node=failure.node,
            choice=remedy.to or remedy.kind,
            reason=str(failure)[:300],
            candidates=tuple(r.name for r in self.chain(failure.kind)),
        )
        update = {
            **mark(known, error.node),
            **update,
            "failures": [plain(failure) | {"remedy": remedy.name}],
            "remedies": {used: 1},
            "decisions": [*update.get("decisions", ()), plain(decision)],
        }
        if step.get("planner"):
            note = keep("step", end_of(step), _ended_by(remedy, failure))
            update["kept"] = {**update.get("kept", {}), **note}
        remedies = dict(known.get("remedies") or {})
        remedies[used] = remedies.get(used, 0) + 1
        return Command(goto=_target(remedy, {**known, "remedies": remedies}), update=update)

    def _failure(self, error: NodeError, step: str) -> tuple[Failure, dict[str, Any]]:
        # A handler runs as the task that failed.
        here = current_task("recover")
        problem = error.error
        if isinstance(problem, str):
            said, problem = problem, StepFailed.parse(problem)
            if problem is None:
                return _reported(said, error.node, step), left_behind(here.id, {})
        if isinstance(problem, StepFailed):
            kind = self.class_of(problem) if problem.__cause__ else problem.failure.kind
            record = replace(problem.failure, kind=kind, step=problem.failure.step or step)
            return record, left_behind(here.id, problem.update)
        left = left_behind(here.id, {})
        failure = failure_of(problem, replace(here, node=error.node), step=step)
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
            spent = _counts(used).get(f"{remedy.name} at {work}", 0) >= remedy.times
            if remedy.kind == "retry" or spent or remedy.to == failure.node:
                continue
            if blind and remedy.kind == "replan":
                continue
            return remedy
        return self.otherwise


def _work(known: Mapping[str, Any], failure: Failure, path: str) -> str:
    """Name the piece of work that failed: a plan's step, or a node and what it was about.

    A node that took the work over, as a fallback, has it from the node that failed first.
    """
    step = known.get("step") or {}
    if step.get("planner"):
        return end_of(step)
    taken_over = f"fallback:{failure.node} at "
    for used in reversed(list(_counts(known.get("remedies")))):
        if used.startswith(taken_over):
            return used.removeprefix(taken_over)
    return f"{path}:{failure.step}" if failure.step else path


def _counts(used: Mapping[str, int] | None) -> dict[str, int]:
    """Give the counts of remedies, without what a nested graph was given them with."""
    return {name: times for name, times in (used or {}).items() if name != BEFORE}


def _ended_by(remedy: Remedy, failure: Failure) -> dict[str, Any]:
    """Say to a planner how recovery ended one of its steps."""
    if remedy.kind == "fallback":
        return {"status": "moved", "to": remedy.to}
    if remedy.kind == "replan":
        return {"status": "failed", "why": failure.message}
    return {"status": "ended", "to": remedy.to, "why": f"step {failure.step}: {failure.message}"}


def _with_left(update: Any) -> dict[str, Any]:
    """Add to an update what the graph that is the node has done: it will be started anew."""
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
    """Whether an exception is of one class, in the form that `RetryPolicy(retry_on=)` takes."""

    kind: FailureClass
    recovery: Recovery

    def __call__(self, problem: Exception) -> bool:
        """Whether this exception is of the class."""
        # A refused answer is asked for again, not given again.
        return not is_invalid_resume(problem) and self.recovery.class_of(problem) == self.kind


def _target(remedy: Remedy, state: Mapping[str, Any]) -> Any:
    """Where to go. A plan's step falls back to another node; all else goes to its planner.

    What is sent is all that the next node's handler sees: it takes the count along.
    """
    step = state.get("step")
    if not step:
        return remedy.to
    if remedy.kind == "fallback":
        return Send(remedy.to, dict(state))
    return step.get("planner") or remedy.to


def _reported(text: str, node: str, step: str) -> Failure:
    """The failure behind an exception of which a resume has kept only the `repr`."""
    name = text.partition("(")[0]
    return Failure(
        node=node, kind=classify_name(name), error=name[:80], message=text[:500], step=step
    )
