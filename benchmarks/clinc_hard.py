"""Make hard routing tasks from CLINC150 by a seeded program: what real examples and messages have.

Sixty drawn intents with all their examples, where nothing else is said. Train and validation are
fitted on, test messages are for the report alone, as in `benchmarks.clinc`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from benchmarks.clinc import Pair, Task

HARD = "clinc150.hard"
INTENTS = 60
OPENINGS = (
    "",
    "hello, ",
    "good morning, ",
    "hi there, quick question: ",
    "excuse me, ",
    "hey, ",
    "dear team, ",
    "sorry to bother you, ",
    "one more thing: ",
    "as i said before, ",
)
GREETINGS = (
    "Good morning to everyone at the office.",
    "I hope this message finds you well.",
    "I hope that the week has been kind to you so far.",
    "First of all, thank you for the quick reply the last time.",
    "I know that you are all very busy at this season of the year.",
    "Sorry to bother you again.",
    "As a long-time customer I have always been happy with your service.",
    "Let me come to the point.",
    "I did try to find the answer by myself before I wrote to you.",
    "We spoke with one of your colleagues the other day, who was very friendly.",
    "I am not very good with machines, so please bear with me.",
    "It has been a long day and the children are finally asleep.",
)
SIGNATURES = (
    "Kind regards,",
    "Best wishes from all of us.",
    "Head of Facilities, Oakley and Sons Ltd.",
    "Unit 4, Riverside Park, Birmingham",
    "This e-mail and any attachments are confidential and intended solely for the addressee.",
    "If you have received this message in error, please notify the sender and delete it.",
    "Please consider the environment before printing this e-mail.",
    "Registered in England and Wales, number 01234567.",
)


def hard(full: Task, *, seed: int = 0) -> tuple[Task, ...]:
    """Return the hard tasks, and the plain one that they are to be compared with."""
    rng = Random(seed)
    intents = sorted({route for _, route in full.train if route is not None})
    chosen = {*rng.sample(intents, min(INTENTS, len(intents))), None}
    plain = replace(
        full,
        name=f"{HARD}.plain",
        train=_of(full.train, chosen),
        held_out=_of(full.held_out, chosen),
        test=_of(full.test, chosen),
        about=f"{len(chosen) - 1} drawn intents, as they are",
    )
    return (
        plain,
        _changed(plain, "long", "greetings and a signature around each message", _wrapped, rng),
        _changed(plain, "shift", "a letter lost in each second word of a message", _slurred, rng),
        _templated(plain, rng),
        _mislabelled(plain, rng),
        _rare(plain, rng),
    )


def mislabelled(plain: Task, noisy: Task) -> frozenset[Pair]:
    """Return the examples whose label was changed."""
    return frozenset({*noisy.train, *noisy.held_out} - {*plain.train, *plain.held_out})


def _of(pairs: Sequence[Pair], routes: set[str | None]) -> tuple[Pair, ...]:
    return tuple(pair for pair in pairs if pair[1] in routes)


def _changed(
    plain: Task, name: str, about: str, change: Callable[[str, Random], str], rng: Random
) -> Task:
    """Change the test messages, and leave the examples as they are."""
    test = tuple((change(text, rng), route) for text, route in plain.test)
    return replace(plain, name=f"{HARD}.{name}", test=test, about=about)


def _wrapped(text: str, rng: Random) -> str:
    before = rng.sample(GREETINGS, rng.randint(2, 6))
    after = rng.sample(SIGNATURES, rng.randint(1, 5))
    return " ".join(before) + f"\n{text}.\n" + "\n".join(after)


def _slurred(text: str, rng: Random) -> str:
    words = text.split()
    for place, word in enumerate(words):
        if len(word) > 3 and rng.random() < 0.5:
            lost = rng.randrange(1, len(word) - 1)
            words[place] = word[:lost] + word[lost + 1 :]
    return " ".join(words)


def _templated(plain: Task, rng: Random) -> Task:
    """Put each of ten examples an intent behind ten openings."""
    once = [pair for pairs in _by_route(plain.train).values() for pair in rng.sample(pairs, 10)]
    train = tuple((opening + text, route) for text, route in once for opening in OPENINGS)
    return replace(
        plain,
        name=f"{HARD}.templated",
        train=train,
        held_out=_of(plain.held_out, {None}),
        about="ten examples an intent, each behind ten openings",
    )


def _mislabelled(plain: Task, rng: Random) -> Task:
    """Give a tenth of the examples another label."""
    routes = sorted({route for _, route in plain.train if route is not None})

    def label(pair: Pair) -> Pair:
        text, route = pair
        if route is None or rng.random() >= 0.1:
            return pair
        return text, rng.choice([other for other in routes if other != route])

    return replace(
        plain,
        name=f"{HARD}.noise",
        train=tuple(map(label, plain.train)),
        held_out=tuple(map(label, plain.held_out)),
        about="one label in ten is wrong",
    )


def _rare(plain: Task, rng: Random) -> Task:
    """Leave half of the intents with one, three or eight examples each."""
    by_route = _by_route(plain.train)
    few = dict(zip(sorted(by_route)[::2], (count for _ in by_route for count in (1, 3, 8))))  # noqa: B905
    train = tuple(
        pair
        for route, pairs in by_route.items()
        for pair in rng.sample(pairs, few.get(route, len(pairs)))
    )
    return replace(
        plain,
        name=f"{HARD}.imbalance",
        train=train,
        held_out=tuple(pair for pair in plain.held_out if pair[1] not in few),
        about="half of the intents with 1, 3 or 8 examples, the others with 120",
    )


def _by_route(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    found: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if pair[1] is not None:
            found[pair[1]].append(pair)
    return found
