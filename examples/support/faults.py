"""Break steps on purpose: what fails, how, and for which message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .shop import Shop, ShopUnavailable

KINDS = ("shop down", "garbage", "agent broken", "write cut off")
"""The shop does not answer twice; a specialist answers nonsense once; a specialist is broken for
good; a write loses its connection, so that nobody knows whether it happened."""


class CutOff(Exception):
    """Raised when the connection was lost after the write was sent."""


@dataclass
class Faults:
    """Hold the fault of the case under way; the desk's parts ask it before they work."""

    every: int = 7
    kind: str = ""
    left: int = 0
    struck: int = field(default=0)

    def arm(self, number: int, *, writes: bool) -> str:
        """Choose the fault for a case by its number; only a case that writes can be cut off."""
        self.kind, self.left, self.struck = "", 0, 0
        if self.every and number % self.every == 0:
            turn = number // self.every
            kinds = KINDS if writes else KINDS[:3]
            self.kind = kinds[turn % len(kinds)]
            self.left = {"shop down": 2, "garbage": 1, "write cut off": 1}.get(self.kind, 10**6)
        return self.kind

    def shop(self, name: str) -> None:
        """Fail before a read or write of the shop, when its fault strikes.

        Raises:
            ShopUnavailable: while the shop is down; nothing was read or written.
        """
        if name == "order" and self.strikes("shop down"):
            raise ShopUnavailable("the shop's database does not answer")

    def specialist(self, agent: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a specialist, who may be broken."""

        def taken(request: Any, tools: Any) -> Any:
            if self.strikes("agent broken"):
                raise KeyError("tariff_table")
            if self.strikes("garbage"):
                return "I'd be happy to help!"
            return agent(request, tools)

        taken.__name__ = agent.__name__
        return taken

    def cut_off(self, shop: Shop) -> Shop:
        """Return a shop whose refunds and resends may be cut off after they were written."""
        return CutOffShop(shop.path, before=self.shop, faults=self)

    def strikes(self, kind: str) -> bool:
        """Tell whether this fault strikes now; if so, use up one strike."""
        if self.kind != kind or self.left <= 0:
            return False
        self.left -= 1
        self.struck += 1
        return True


@dataclass(frozen=True)
class CutOffShop(Shop):
    """Act as the shop, with a connection that may be lost right after a refund or resend."""

    faults: Faults | None = field(default=None, kw_only=True, compare=False)

    def issue_refund(self, order_id: int, amount: float, reason: str) -> dict[str, Any]:
        """Pay `amount` pounds back; refused when less than that is left of what was paid."""
        return self._sent(super().issue_refund(order_id, amount, reason))

    def resend(self, order_id: int) -> dict[str, Any]:
        """Send the order again; refused unless it is lost or very late."""
        return self._sent(super().resend(order_id))

    def _sent(self, receipt: dict[str, Any]) -> dict[str, Any]:
        if self.faults is not None and self.faults.strikes("write cut off"):
            raise CutOff("the connection was lost after the write was sent")
        return receipt


def broken(agents: Mapping[str, Callable[..., Any]], faults: Faults) -> dict[str, Any]:
    """Wrap the specialists, each of whom may be broken."""
    return {name: faults.specialist(agent) for name, agent in agents.items()}
