"""Find all that keeps a plan's steps from being run: names, order, bounds, and what each lacks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from quintet.state.budget import Budget
from quintet.state.step import Step, found_over, source_of, waits_for

DEPTH = 3
"""The depth to which steps may lie in the bodies of others."""


def faults_of(
    goal: str, steps: Sequence[Step], assignees: Collection[str], budget: Budget
) -> tuple[str, ...]:
    """Give every reason for which a plan of these steps cannot run, each in a sentence."""
    if not isinstance(goal, str):
        return (f"Plan(goal={goal!r:.60}): give a text",)
    if not steps:
        return (f"plan for {goal!r}: it has no steps; give at least one",)
    found = list(_block(f"plan for {goal!r}", steps, (), assignees, frozenset()))
    if budget.handoffs is not None:
        found.append(
            f"plan for {goal!r}: Budget(handoffs={budget.handoffs}): a plan passes "
            "nothing on; bound handoffs by Router(budget=) or Contract(budget=)"
        )
    most = sum(step.most_runs for step in steps)
    if budget.steps is not None and most > budget.steps:
        counted = f"{most} steps are" if most == len(steps) else f"up to {most} steps to run are"
        found.append(
            f"plan for {goal!r}: {counted} over its budget of {budget.steps}; "
            "merge steps or raise Budget(steps=)"
        )
    return tuple(found)


def _block(
    name: str,
    steps: Sequence[Step],
    around: tuple[str, ...],
    assignees: Collection[str],
    given: frozenset[str],
) -> Iterator[str]:
    """Look at steps beside each other; `given` are the inputs that they have from around them."""
    ids = [step.id for step in steps]
    if not all(ids):
        yield f"{name}: a step without an id; name each step"
    for repeated in sorted({one for one in ids if ids.count(one) > 1}):
        yield f"{name}: step id {repeated!r} is used twice"
    for step in steps:
        at = f"step {'.'.join((*around, step.id))!r}"
        if set(step.id) & set("[]"):
            yield f"{at}: an id has no brackets; they number the runs of a step, as in read[3]"
        for other in step.after:
            if other not in ids:
                yield f"{at}: depends on {other!r}, which is not in the plan ({', '.join(ids)})"
        yield from _hidden(at, step, ids, given)
        yield from _KINDS[step.kind](at, step)
        yield from _assignee(at, step, assignees)
        yield from _source(at, step, ids, given)
        yield from _body(at, step, around, assignees, given)
    yield from _order(name, steps, ids)


def _hidden(at: str, step: Step, ids: list[str], given: frozenset[str]) -> Iterator[str]:
    """Find what the step's work would not see, since something else has the same name."""
    gives = {*step.gives} - {source_of(step, (*ids, *step.inputs))}
    for other in step.after:
        if other == "goal" or other in step.inputs or other in given or other in gives:
            what = "its own goal" if other == "goal" else f"its input {other!r}"
            yield f"{at}: {what} hides the result of the step {other!r}; give that another id"
    if "goal" in step.inputs:
        yield f"{at}: its own goal hides the input 'goal'; give that another name"
    if step.kind in ("each", "reduce") and step.given_as in gives & step.inputs.keys():
        yield f"{at}: its item hides the input {step.given_as!r}; give one of them another name"
    if step.given_as in ("goal", *step.gives[1:]):
        yield f"{at}: into={step.given_as!r} is the name of something else; give another"


def _order(name: str, steps: Sequence[Step], ids: list[str]) -> Iterator[str]:
    try:
        TopologicalSorter({step.id: waits_for(step, ids) for step in steps}).prepare()
    except CycleError as problem:
        # graphlib names a dependency before its step; the text says who waits for whom.
        cycle = " -> ".join(reversed(problem.args[1]))
        yield f"{name}: steps wait for each other: {cycle}; drop one dependency"


def _assignee(at: str, step: Step, assignees: Collection[str]) -> Iterator[str]:
    if step.assignee and assignees and step.assignee not in assignees:
        yield f"{at}: unknown assignee {step.assignee!r}; give one of {', '.join(assignees)}"


def _source(at: str, step: Step, ids: list[str], given: frozenset[str]) -> Iterator[str]:
    if step.kind not in ("each", "reduce"):
        return
    known = (*ids, *step.inputs, *given)
    source = source_of(step, known)
    if step.over and not source:
        yield (
            f"{at}: over={step.over!r} is no earlier step nor an input "
            f"({', '.join(dict.fromkeys(known))})"
        )
    if source in step.inputs:
        items = found_over(step, step.inputs)
        if not isinstance(items, list):
            yield f"{at}: over={step.over!r}: the input {items!r:.60} is no list"
        elif step.most is not None and len(items) > step.most:
            yield f"{at}: {step.over!r} has {len(items)} items, over its bound of {step.most}"


def _body(
    at: str,
    step: Step,
    around: tuple[str, ...],
    assignees: Collection[str],
    given: frozenset[str],
) -> Iterator[str]:
    if not step.body:
        return
    inner = (*around, step.id)
    if len(inner) > DEPTH:
        yield f"{at}: steps lie more than {DEPTH} deep in others; make the plan flatter"
        return
    given = given | step.inputs.keys() | set(step.after) | set(step.gives)
    yield from _block(at, step.body, inner, assignees, given)


def _do(at: str, step: Step) -> Iterator[str]:
    if not step.assignee:
        yield f"{at}: it has no assignee; say who takes it"
    yield from _unused(at, step, "body", "over", "into", "most", "condition", *_VOTE, "reducer")


def _each(at: str, step: Step) -> Iterator[str]:
    if not step.over:
        yield f"{at}: 'each' goes over a list; give over='the id of an earlier step'"
    yield from _bounded(at, step, "items")
    yield from _work(at, step)
    yield from _unused(at, step, "condition", *_VOTE, "reducer")


def _until(at: str, step: Step) -> Iterator[str]:
    if not step.condition:
        yield f"{at}: 'until' ends by a condition; give condition='one that is declared'"
    yield from _bounded(at, step, "rounds")
    yield from _work(at, step)
    yield from _unused(at, step, "over", *_VOTE, "reducer")


def _vote(at: str, step: Step) -> Iterator[str]:
    voters = len(step.body) if step.body else step.most or 0
    if voters < 2:
        yield f"{at}: 'vote' has {voters} voters; give most=3, or a body of two steps or more"
    if step.body and step.most is not None:
        yield f"{at}: each step of a vote's body votes once; leave out most={step.most}"
    if step.quorum is not None and step.quorum > voters:
        yield f"{at}: quorum={step.quorum} cannot be reached by {voters} voters"
    yield from _work(at, step)
    yield from _alternatives(at, step)
    yield from _unused(at, step, "over", "into", "condition", "reducer")


def _first(at: str, step: Step) -> Iterator[str]:
    if len(step.body) < 2:
        yield f"{at}: 'first' has {len(step.body)} alternatives; give a body of two steps or more"
    yield from _alternatives(at, step)
    yield from _unused(at, step, "assignee", "over", "into", "most", "condition", *_VOTE, "reducer")


def _reduce(at: str, step: Step) -> Iterator[str]:
    if not step.over:
        yield f"{at}: 'reduce' goes over a list; give over='the id of an earlier step'"
    if bool(step.assignee) == bool(step.reducer):
        yield f"{at}: 'reduce' folds by an assignee or by a reducer; give one of them"
    if step.assignee:
        yield from _bounded(at, step, "items")
    yield from _unused(at, step, "body", "condition", *_VOTE)


def _bounded(at: str, step: Step, what: str) -> Iterator[str]:
    if step.most is None:
        yield f"{at}: {step.kind!r} has no bound; say how many {what} at most, as most=10"


def _work(at: str, step: Step) -> Iterator[str]:
    if bool(step.assignee) == bool(step.body):
        yield f"{at}: {step.kind!r} runs an assignee or the steps of a body; give one of them"


def _alternatives(at: str, step: Step) -> Iterator[str]:
    for one in step.body:
        if one.after:
            yield f"{at}: its steps stand side by side; {one.id!r} is after {one.after[0]!r}"


def _unused(at: str, step: Step, *names: str) -> Iterator[str]:
    for name in names:
        if getattr(step, name) not in ("", None, ()):
            yield f"{at}: {step.kind!r} has no {name}; leave it out"


_VOTE = ("quorum", "ballot")
_KINDS = {
    "do": _do,
    "each": _each,
    "until": _until,
    "vote": _vote,
    "first": _first,
    "reduce": _reduce,
}
