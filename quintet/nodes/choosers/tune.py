"""Tuning: a router whose learned tiers keep a promise on labelled messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from quintet.errors import DesignError
from quintet.nodes.choosers.choose import Cascade, ask
from quintet.nodes.choosers.examples import Examples
from quintet.nodes.choosers.labels import AT_LEAST, checked, paired
from quintet.nodes.core.call import drive
from quintet.nodes.route import Router


def tuned(
    router: Router,
    pairs: Iterable[tuple[str, str | None]],
    *,
    at_least: float | None = AT_LEAST,
    out_of_scope: float | None = None,
) -> Router:
    """The same router with the thresholds of its learned tiers chosen on labelled messages.

    Each learned tier is judged by the messages that the tiers before it leave to it, so those are
    asked. Nothing is fitted again; `promise` of each learned tier says what came out.

    Args:
        router: a router that chooses by `by_examples`, alone or in a cascade.
        pairs: `(text, route)`, which the learned tiers have not been fitted on; route None, or the
            router's `otherwise`, for a message that nobody takes.
        at_least: the share of the messages accepted by a learned tier that is right.
        out_of_scope: the share that messages of nobody (None) count as; by default their share
            among those that reach the tier.

    Returns:
        A new router; the old one is as it was.

    Raises:
        DesignError: no learned tier, no pairs, a route that the router does not have, or
            a number out_of_scope its range.
    """
    given = paired(pairs)
    checked(at_least)
    if not given:
        raise DesignError("tuned: it has no pairs; give (text, route) pairs")
    known = {*router.routes, router.otherwise, None}
    if odd := [route for _, route in given if route not in known]:
        raise DesignError(
            f"tuned: {odd[0]!r} is not a route of the router; give one of "
            f"{', '.join(router.routes)}, or None"
        )
    tiers = router.choose.tiers if isinstance(router.choose, Cascade) else (router.choose,)
    if not any(isinstance(tier, Examples) for tier in tiers):
        raise DesignError("tuned: the router has no tier that is made by by_examples")
    otherwise = router.otherwise
    left, new = given, []
    last = max(at for at, tier in enumerate(tiers) if isinstance(tier, Examples))
    for at, tier in enumerate(tiers):
        made = tier
        if isinstance(tier, Examples):
            own = otherwise if otherwise in tier.routes else None
            on = [(text, own if route in (None, otherwise) else route) for text, route in left]
            made = tier.promising(at_least, on=on, out_of_scope=out_of_scope)
        new.append(made)
        if at < last:
            left = [pair for pair in left if drive(ask(made, pair[0])) is None]
    chooser = Cascade(tiers=tuple(new)) if isinstance(router.choose, Cascade) else new[0]
    return replace(router, choose=chooser)
