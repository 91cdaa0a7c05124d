"""Choose the thresholds of a router's learned tiers on labelled messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from quintet.errors import DesignError
from quintet.nodes.choosers.choose import Cascade, Chooser, ask
from quintet.nodes.choosers.examples import Examples
from quintet.nodes.choosers.labels import AT_LEAST, check_at_least, check_pairs
from quintet.nodes.core.call import drive
from quintet.nodes.route import Router


def tuned(
    router: Router,
    pairs: Iterable[tuple[str, str | None]],
    *,
    at_least: float | None = AT_LEAST,
    out_of_scope: float | None = None,
) -> Router:
    """Return the router with the thresholds of its learned tiers chosen on labelled messages.

    A learned tier is judged by the messages that the tiers before it leave to it, so those tiers
    are called. Nothing is fitted again. The `promise` of each learned tier holds the result.

    Args:
        router: a router that chooses by `by_examples`, alone or in a cascade.
        pairs: `(text, route)` pairs that no learned tier was fitted on; route None, or the router's
            `otherwise`, for a message that belongs to no route.
        at_least: the share of the messages accepted by a learned tier that is right.
        out_of_scope: the share of messages that those with route None stand for; by default their
            share among the pairs that reach the tier.

    Returns:
        A new router; the given one does not change.

    Raises:
        DesignError: no learned tier, no pairs, a route that the router does not have, or a number
            outside its range.
    """
    pairs = check_pairs(pairs)
    check_at_least(at_least)
    if not pairs:
        raise DesignError("tuned: it has no pairs; give (text, route) pairs")
    known = {*router.routes, router.otherwise, None}
    if odd := [route for _, route in pairs if route not in known]:
        raise DesignError(
            f"tuned: {odd[0]!r} is not a route of the router; give one of "
            f"{', '.join(router.routes)}, or None"
        )
    tiers = router.choose.tiers if isinstance(router.choose, Cascade) else (router.choose,)
    if not any(isinstance(tier, Examples) for tier in tiers):
        raise DesignError("tuned: the router has no tier that is made by by_examples")
    otherwise = router.otherwise
    tuned_tiers: list[Chooser] = []
    last = max(number for number, tier in enumerate(tiers) if isinstance(tier, Examples))
    for number, tier in enumerate(tiers):
        tuned_tier = tier
        if isinstance(tier, Examples):
            # A tier that learned `otherwise` as a route must choose it; others must abstain.
            nobody = otherwise if otherwise in tier.routes else None
            on = [(text, nobody if route in (None, otherwise) else route) for text, route in pairs]
            tuned_tier = tier.promising(at_least, on=on, out_of_scope=out_of_scope)
        tuned_tiers.append(tuned_tier)
        # Tiers after the last learned one may be models, whose calls would be spent for nothing.
        if number < last:
            pairs = [pair for pair in pairs if drive(ask(tuned_tier, pair[0])) is None]
    is_cascade = isinstance(router.choose, Cascade)
    chooser = Cascade(tiers=tuple(tuned_tiers)) if is_cascade else tuned_tiers[0]
    return replace(router, choose=chooser)
