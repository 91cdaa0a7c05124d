"""Define the state of an orchestrated run, as fragments that a user's TypedDict inherits.

All values are plain JSON data. A fragment holds the keys of one duty; `OrchestrationState` holds
all. When a thread's next run begins, all keys of ours but the thread's are empty again: `actions`,
and in a conversation `messages` and `questions`.

The logs (`decisions`, `failures`) are bounded and for people; no node decides by them.
"""

# No postponed annotations here. They are read again for a class that inherits these, and Python
# then looks for `Results` or `Log` in the module of that class first: a user's own class of the
# name would take the place of ours, and the key would silently be another.

from collections.abc import Mapping
from typing import Annotated, Any

from typing_extensions import TypedDict

from quintet.state.actions import Actions
from quintet.state.budget import Spending
from quintet.state.channels import (
    Ending,
    Keyed,
    Latest,
    OwnKeyed,
    Results,
    Sent,
    Shared,
    Totals,
)
from quintet.state.log import DECISIONS_KEPT, FAILURES_KEPT, Log
from quintet.state.messages import Messages
from quintet.state.questions import Questions
from quintet.state.run import Plain, RunChannel


class Decided(TypedDict, total=False):
    """Hold the run's id, its decisions, and the notes that our nodes keep for themselves.

    `decisions` are `Decision`s as plain data. `kept` holds the nodes' own notes: a planner's
    progress, the ends of steps, work that waits for a person, open conflicts, routes taken.
    """

    run: Annotated[Plain, RunChannel]
    kept: Annotated[Plain, OwnKeyed]
    decisions: Annotated[list[Plain], Log(most=DECISIONS_KEPT)]


class Routed(Decided, total=False):
    """Hold the route that a router last took."""

    route: Annotated[str, Latest(str, only=(str, "a node's name"))]


class Planned(Decided, total=False):
    """Hold the plan that a planner last made."""

    plan: Annotated[Plain | None, Latest(Plain | None, only=(Mapping, "a plan as a dict"))]


class Worked(Decided, total=False):
    """Hold the workers' results, actions and spending."""

    results: Annotated[Plain, Results]
    actions: Annotated[Plain, Actions]
    spent: Annotated[Spending, Totals]


class Merged(Decided, total=False):
    """Hold the values that merges agreed on, by field."""

    merged: Annotated[Plain, Keyed]


class Recovered(Decided, total=False):
    """Hold the failures that recovery handled, and the number of uses of each remedy."""

    failures: Annotated[list[Plain], Log(most=FAILURES_KEPT)]
    remedies: Annotated[dict[str, int], Totals]


class Ended(Decided, total=False):
    """Hold the run's outcome; None while it runs."""

    outcome: Annotated[Plain | None, Ending]


class OrchestrationState(Routed, Planned, Worked, Merged, Recovered, Ended, total=False):
    """Hold the keys of all fragments; inherit it and add the keys of your own domain.

    `message` is the text of the request, the default input of `Router` and `Planner`; `behalf`
    names the person or account that the run acts for, and stands on every action; `step` is the
    plan's step that a worker was sent, or a graph around it, and is empty elsewhere.
    """

    message: Annotated[str, Shared]
    behalf: Annotated[str, Shared]
    step: Annotated[Plain, Sent]


class Conversed(Decided, total=False):
    """Hold what was said on a thread, and the questions that customers have not answered yet.

    Both are the thread's, bounded, and written by our nodes. `messages` are the last turns of the
    customer and of those who answer, each `{"role", "content", "name", "run"}`; the messages
    between a model and its tools are not among them. `questions` are by who asked: the path of the
    node, and the plan's step where there is one.
    """

    messages: Annotated[list[Plain], Messages]
    questions: Annotated[Plain, Questions]


class ConversationState(OrchestrationState, Conversed, total=False):
    """Hold the keys of all fragments, and those of a conversation of several turns."""


RUN_KEYS: tuple[str, ...] = (
    "run",
    "kept",
    "decisions",
    "route",
    "plan",
    "results",
    "spent",
    "merged",
    "failures",
    "remedies",
    "outcome",
)
"""The keys that belong to a run; `actions`, `messages` and `questions` are the thread's."""


def without_run(values: Mapping[str, Any]) -> Plain:
    """Give a state without the keys of its run, for a run that has not begun yet."""
    return {key: value for key, value in values.items() if key not in RUN_KEYS}
