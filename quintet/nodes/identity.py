"""Tell who gives an answer, by proof: a signed token, or a name where names are enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import jwt

from quintet.errors import DesignError
from quintet.nodes.answer import Answer
from quintet.nodes.core.duration import seconds
from quintet.state.clock import now
from quintet.state.secret import Secret

ALGORITHM = "HS256"
SHORTEST = 32
"""The fewest bytes of a key: as many as the signature has (RFC 7518, section 3.2)."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who answers, as the gate's `identify` knows them.

    Args:
        name: their name, as it goes on record.
        roles: the roles that they have.
    """

    name: str
    roles: tuple[str, ...] = ()


Identify = Callable[[Answer], Person]
"""Gives who has given an answer, by what it holds as `by`; it raises ValueError for nobody."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """Take names at their word; made by `by_name`."""

    people: Mapping[str, tuple[str, ...]]

    def __call__(self, answer: Answer) -> Person:
        """Give the person of this name.

        Raises:
            ValueError: there is none.
        """
        if answer.by not in self.people:
            raise ValueError(
                f"{answer.by!r} may not answer: nobody here has that name; known are "
                f"{', '.join(self.people) or 'none'}"
            )
        return Person(name=answer.by, roles=self.people[answer.by])


def by_name(people: Mapping[str, Iterable[str]]) -> Named:
    """Take these names at their word, each with its roles.

    Whoever can answer at all can then answer under any of the names: it suits a desk where all
    trust each other, and tests.

    Raises:
        DesignError: the roles of somebody are one text.
    """
    for name, roles in people.items():
        if isinstance(roles, str):
            raise DesignError(f"by_name({{{name!r}: {roles!r}}}): give a tuple, ({roles!r},)")
    return Named(people={name: tuple(roles) for name, roles in people.items()})


@dataclass(frozen=True, kw_only=True)
class Signed:
    """Sign tokens that say who somebody is, and tell by a token who gave an answer.

    The server that lets people log in signs; the gate reads: `ApprovalGate(identify=signed)`, and
    `approve(by=signed.token("maria", roles=("lead",), digest=packet["digest"]))`. Tokens are JSON
    Web Tokens (RFC 7519) with HMAC-SHA256, which other programs can make too.

    Args:
        key: the secret that both share, of 32 bytes or more; or a `Secret`, looked up at each use.

    Raises:
        DesignError: the key is too short.
    """

    key: bytes | Secret = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.key, Secret):
            _ = self._bytes

    @property
    def _bytes(self) -> bytes:
        key = self.key.reveal().encode() if isinstance(self.key, Secret) else self.key
        if not isinstance(key, bytes) or len(key) < SHORTEST:
            raise DesignError(
                f"Signed(key=...): give {SHORTEST} bytes or more, such as secrets.token_bytes(32)"
            )
        return key

    def token(
        self, name: str, *, roles: tuple[str, ...] = (), digest: str = "", lasts: str | float = "5m"
    ) -> str:
        """Sign a token.

        Args:
            name: who it is for.
            roles: the roles that they have.
            digest: the action that it may answer, as the packet names it; empty for any.
            lasts: how long it counts, as `"5m"`, `"1h"` or seconds.
        """
        claims = {"sub": name, "roles": list(roles), "digest": digest}
        return jwt.encode(
            {**claims, "exp": now() + (seconds(lasts) or 0)}, self._bytes, algorithm=ALGORITHM
        )

    def __call__(self, answer: Answer) -> Person:
        """Give who holds the token that an answer has as `by`.

        Raises:
            ValueError: it is no token of this key, is too old, or is for another action.
        """
        try:
            # Its age is judged below, by the clock that all deadlines here are judged by.
            claims = jwt.decode(
                answer.by,
                self._bytes,
                algorithms=[ALGORITHM],
                options={"verify_exp": False, "require": ["sub", "exp"]},
            )
        except jwt.InvalidTokenError as problem:
            raise ValueError(f"the answer proves nobody's name ({problem})") from None
        if claims["exp"] < now():
            raise ValueError(f"the token of {claims['sub']!r} is too old; log in again")
        if claims.get("digest") and claims["digest"] != answer.digest:
            raise ValueError(f"the token of {claims['sub']!r} is for another action")
        return Person(name=str(claims["sub"]), roles=tuple(claims.get("roles") or ()))
