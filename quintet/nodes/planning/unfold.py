"""Unfold a plan's steps into the pieces of work that are ready, and into results and problems.

The walk is made anew at each visit of the planner, from the plan and from what has ended, so that
nothing but ids is kept: `read[3]` is the fourth item of the step `read`, `fix[0].test` the step
`test` in the first round of `fix`, and `ticket[train]` an alternative of `ticket`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from langgraph.errors import GraphBubbleUp

from quintet.errors import DesignError
from quintet.nodes.agents.meter import call_counted
from quintet.nodes.core.call import Logic
from quintet.nodes.core.node import one_line
from quintet.nodes.planning.vocabulary import Vocabulary
from quintet.state.own import own
from quintet.state.record import canonical, plain
from quintet.state.step import Step, found_over, waits_for
from quintet.state.verdict import why_not


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a step that is done."""

    value: Any


@dataclass(frozen=True, slots=True)
class Problem:
    """The reason why a step did not succeed."""

    why: str


End = Result | Problem | None
"""The end of a step; None while work of it is still to be done."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Hold the results and inputs that the work inside a step finds around it."""

    after: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    spare: bool = False

    def within(self, **inputs: Any) -> Scope:
        """Give the scope with more inputs."""
        return replace(self, inputs={**self.inputs, **inputs})

    def without(self, name: str) -> Scope:
        """Give the scope without an input, such as the list of which the work gets an item."""
        return replace(self, inputs={k: v for k, v in self.inputs.items() if k != name})


Judge = Callable[[Step, Any], Logic[str | None]]
"""Give why a step's result does not hold, or None."""


@dataclass(kw_only=True)
class Unfolding:
    """Walk through a plan's steps, once.

    Attributes:
        vocabulary: the conditions and reducers that steps name.
        judge: the planner's check, for results that the walk itself comes to.
        results: the results that stand, by id; those of the walk are added.
        done: the ids whose results stand; those of the walk are added.
        failed: why pieces of work failed, by id.
        begun: the pieces of work that were sent out.
        verdicts: for each round that was judged, why its condition did not hold; empty if it did.
        ready: the pieces of work to send out now, in order.
        new: the results that the walk itself has come to.
        notes: what was decided on the way: the step, the choice and the reason.
        spare: those of `ready` whose failure their step can bear: votes and alternatives.
    """

    vocabulary: Vocabulary
    judge: Judge
    results: dict[str, Any]
    done: dict[str, None]
    failed: Mapping[str, str]
    begun: frozenset[str]
    verdicts: dict[str, str]
    ready: list[Step] = field(default_factory=list)
    new: dict[str, Any] = field(default_factory=dict)
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    spare: set[str] = field(default_factory=set)

    def problems(self, steps: Sequence[Step]) -> Logic[dict[str, str]]:
        """Walk through the plan; give the problems by the ids of its own steps."""
        ends = yield from self._block(steps, "", Scope())
        return {name: end.why for name, end in ends.items() if isinstance(end, Problem)}

    def _block(self, steps: Sequence[Step], prefix: str, scope: Scope) -> Logic[dict[str, End]]:
        """Walk through steps beside each other, each after those that it waits for."""
        ids = [step.id for step in steps]
        ends: dict[str, End] = {}
        waiting = list(steps)
        while waiting:
            step = next(s for s in waiting if not set(waits_for(s, ids)) & {w.id for w in waiting})
            waiting.remove(step)
            sources = {name: ends[name] for name in waits_for(step, ids)}
            if not all(isinstance(end, Result) for end in sources.values()):
                ends[step.id] = None
                continue
            values = {name: end.value for name, end in sources.items() if isinstance(end, Result)}
            ends[step.id] = yield from self._step(step, prefix + step.id, scope, values)
        return ends

    def _step(self, step: Step, path: str, scope: Scope, values: Mapping[str, Any]) -> Logic[End]:
        """Walk through one step; `values` are the results of those beside it that it waits for."""
        if path in self.done:
            return Result(self.results[path])
        if path in self.failed:
            return Problem(self.failed[path])
        inside = "[" in path
        after = scope.after if inside else step.after
        bound = {name: values[name] for name in step.after} if inside else {}
        scope = replace(scope, after=after, inputs={**scope.inputs, **bound, **step.inputs})
        if step.kind == "do":
            return self._send(step, path, scope)
        sent = len(self.ready)
        end: End = yield from self._walk(step, path, scope, values)
        if isinstance(end, Result):
            end = yield from self._reached(step, path, end.value)
        if isinstance(end, Problem):
            del self.ready[sent:]  # nothing more is begun for a step that has failed
        return end

    def _walk(self, step: Step, path: str, scope: Scope, values: Mapping[str, Any]) -> Logic[End]:
        if step.kind == "until":
            return (yield from self._until(step, path, scope))
        if step.kind == "vote":
            return (yield from self._vote(step, path, scope))
        if step.kind == "first":
            return (yield from self._first(step, path, scope))
        items = self._items(step, scope, values)
        if isinstance(items, Problem):
            return items
        scope = scope.without(step.over)
        if step.kind == "each":
            return (yield from self._each(step, path, scope, items))
        if step.reducer:
            return (yield from self._folded(step, path, items))
        return (yield from self._reduce(step, path, scope, items))

    def _send(self, step: Step, path: str, scope: Scope) -> End:
        """Make a piece of work ready, unless it is under way."""
        if path in self.begun:
            return None
        if "[" in path:
            step = replace(step, id=path, after=scope.after, inputs=scope.inputs)
        if scope.spare:
            self.spare.add(path)
        self.ready.append(step)
        return None

    def _reached(self, step: Step, path: str, value: Any) -> Logic[End]:
        """Keep the result of a step with work inside it, if the planner's check takes it."""
        value = plain(value)
        if value is None:
            return Problem("it came to no result")
        # An assignee's results were judged one by one, but for the one item that needs no folding.
        if not step.assignee or (step.kind == "reduce" and f"{path}[0]" not in self.done):
            reason = yield from self.judge(step, value)
            if reason is not None:
                return Problem(reason)
        self.new[path] = self.results[path] = value
        self.done[path] = None
        return Result(value)

    def _once(self, step: Step, path: str, scope: Scope) -> Logic[End]:
        """Walk through one run of a step's work: its assignee's, or its body's steps."""
        if not step.body:
            if path in self.done:
                return Result(self.results[path])
            if path in self.failed:
                return Problem(_named(path, self.failed[path]))
            return self._send(step.work, path, scope)
        ends = yield from self._block(step.body, f"{path}.", scope)
        for name, end in ends.items():
            if isinstance(end, Problem):
                return Problem(_named(f"{path}.{name}", end.why))
        if not all(isinstance(end, Result) for end in ends.values()):
            return None
        return ends[step.body[-1].id]

    def _items(self, step: Step, scope: Scope, values: Mapping[str, Any]) -> list[Any] | Problem:
        around = {name: self.results[name] for name in scope.after if name in self.results}
        known = {**around, **values, **scope.inputs}
        found = found_over(step, known)
        if not isinstance(found, list):
            return Problem(f"over {step.over!r}: {one_line(found, 60)!r} is no list")
        if step.most is not None and len(found) > step.most:
            return Problem(f"{step.over!r} has {len(found)} items, over its bound of {step.most}")
        return found

    def _each(self, step: Step, path: str, scope: Scope, items: list[Any]) -> Logic[End]:
        if not self._has_begun(path):
            self.notes.append((path, f"{len(items)} items", f"{step.over} gave so many"))
        ends: list[End] = []
        for number, item in enumerate(items):
            given = scope.within(**{step.given_as: item})
            end: End = yield from self._once(step, f"{path}[{number}]", given)
            ends.append(end)
        if (first := next((end for end in ends if isinstance(end, Problem)), None)) is not None:
            return first
        done = [end.value for end in ends if isinstance(end, Result)]
        return Result(done) if len(done) == len(ends) else None

    def _until(self, step: Step, path: str, scope: Scope) -> Logic[End]:
        reason, rounds = "", step.most or 0
        for number in range(rounds):
            at = f"{path}[{number}]"
            end: End = yield from self._once(step, at, scope)
            if not isinstance(end, Result):
                return end
            reason = yield from self._verdict(step, at, end.value, f"round {number + 1}")
            if not reason:
                return end
            scope = scope.within(**{step.given_as: end.value, "reason": reason})
        return Problem(f"{step.condition} does not hold after {rounds} rounds: {reason}")

    def _verdict(self, step: Step, at: str, value: Any, name: str) -> Logic[str]:
        """Give why a round's condition does not hold, or ''; it is asked once a round."""
        if at not in self.verdicts:
            condition = self.vocabulary.conditions[step.condition]
            try:
                reason = why_not((yield from call_counted(condition, own(value))), condition) or ""
            except (DesignError, GraphBubbleUp):
                raise
            except Exception as problem:  # noqa: BLE001 - a condition that cannot judge has not held
                reason = f"it could not judge: {type(problem).__name__}: {problem}"
            self.verdicts[at] = one_line(reason, 300)
            said = f"{step.condition}: {reason}" if reason else f"{step.condition} holds"
            self.notes.append((at, f"{name} of {step.most}", said))
        return self.verdicts[at]

    def _vote(self, step: Step, path: str, scope: Scope) -> Logic[End]:
        scope = replace(scope, spare=True)
        ends: list[End] = []
        for name in [one.id for one in step.body] or range(step.most or 0):
            at, voter = f"{path}[{name}]", next((s for s in step.body if s.id == name), None)
            logic = (
                self._once(step, at, scope) if voter is None else self._step(voter, at, scope, {})
            )
            end: End = yield from logic
            ends.append(end)
        if None in ends:
            return None
        return self._counted(step, path, ends)

    def _counted(self, step: Step, path: str, ends: list[End]) -> End:
        """Count votes; a voter that failed has none."""
        votes = [end.value for end in ends if isinstance(end, Result) and _has_ballot(step, end)]
        ballots = [_ballot(step, vote) for vote in votes]
        needed = step.quorum or len(ends) // 2 + 1
        counts = Counter(ballots).most_common()
        said = [f"{one_line(ballot, 40)} {count}" for ballot, count in counts]
        told = ", ".join([*said, *_uncounted(step, ends)])
        won = [ballot for ballot, count in counts if count >= needed]
        if len(won) != 1:
            why = "two reach it" if won else "none does"
            return Problem(f"{needed} of {len(ends)} votes must agree, and {why}: {told}")
        self.notes.append((path, one_line(won[0], 60), f"{needed} had to agree: {told}"))
        return Result(votes[ballots.index(won[0])])

    def _first(self, step: Step, path: str, scope: Scope) -> Logic[End]:
        scope = replace(scope, spare=True)
        tried: list[str] = []
        for one in step.body:
            end: End = yield from self._step(one, f"{path}[{one.id}]", scope, {})
            if isinstance(end, Result):
                self.notes.append((path, one.id, "; ".join(tried) or "the first of them"))
            if not isinstance(end, Problem):
                return end
            tried.append(f"{one.id}: {end.why}")
        return Problem(f"no alternative succeeded: {'; '.join(tried)}")

    def _reduce(self, step: Step, path: str, scope: Scope, items: list[Any]) -> Logic[End]:
        if "so_far" in scope.inputs:
            so_far, rest = scope.inputs["so_far"], items
        elif items:
            so_far, rest = items[0], items[1:]
        else:
            return Problem(f"{step.over!r} is empty, and inputs give no 'so_far' to begin with")
        for number, item in enumerate(rest):
            given = scope.within(**{step.given_as: item, "so_far": so_far})
            end: End = yield from self._once(step, f"{path}[{number}]", given)
            if not isinstance(end, Result):
                return end
            so_far = end.value
        return Result(so_far)

    def _folded(self, step: Step, path: str, items: list[Any]) -> Logic[End]:
        try:
            value = plain(
                (yield from call_counted(self.vocabulary.reducers[step.reducer], own(items)))
            )
        except GraphBubbleUp:
            raise
        except DesignError as problem:
            raise DesignError(f"step {path}: {step.reducer}: {problem}") from problem
        except Exception as problem:  # noqa: BLE001 - it is the step that has failed
            return Problem(f"{step.reducer}: {type(problem).__name__}: {problem}")
        self.notes.append((path, step.reducer, f"{len(items)} results of {step.over}"))
        return Result(value)

    def _has_begun(self, path: str) -> bool:
        return any(name.startswith(f"{path}[") for name in (*self.begun, *self.done))


def _has_ballot(step: Step, end: Result) -> bool:
    """Say whether a result has the field that is counted: what lacks it is no vote."""
    return not step.ballot or (isinstance(end.value, Mapping) and step.ballot in end.value)


def _ballot(step: Step, vote: Any) -> str:
    """Give the text by which a vote is counted: equal votes have equal texts."""
    return canonical(vote[step.ballot] if step.ballot else vote)


def _uncounted(step: Step, ends: list[End]) -> list[str]:
    """Say how many voters have failed, and how many gave no ballot."""
    given = [end for end in ends if isinstance(end, Result)]
    without = sum(not _has_ballot(step, end) for end in given)
    failed = [f"{len(ends) - len(given)} failed"] if len(given) < len(ends) else []
    return [*failed, f"{without} without {step.ballot!r}"] if without else failed


def _named(path: str, why: str) -> str:
    """Say which piece of work failed, unless the reason does."""
    return why if why.startswith(path) else f"{path}: {why}"
