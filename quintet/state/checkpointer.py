"""Open checkpointers by URL, with safe defaults, and make their tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from quintet.errors import CheckpointerError, MissingExtra
from quintet.state.crypt import Key, keys_of
from quintet.state.room import Room
from quintet.state.savers.address import Address, read_address
from quintet.state.savers.saver import Saver
from quintet.state.savers.serializer import Allowed, StrictSerializer
from quintet.state.secret import Secret


def checkpointer(
    url: str,
    *,
    allow: Iterable[Allowed] = (),
    tenant: str | None = None,
    key: Key | Sequence[Key] = None,
) -> Saver:
    """Open a checkpointer for `compile(checkpointer=...)`, ready for `invoke` and `ainvoke`.

    Close it with `.close()` or use it in a `with` block.

    Args:
        url: `memory://`; `sqlite:///relative.db`, `sqlite:////absolute/path.db` or `sqlite://`
            for a database in memory (options `synchronous=full|normal|extra` and `timeout=`
            seconds to wait for another writer); `postgresql://user@host:5432/db` (extra
            `postgres`; options `pool=` connections and `timeout=` seconds to wait for the server,
            and all that libpq knows).
        allow: classes, or `(module, name)` pairs, that a checkpoint may bring back as objects.
            Plain data, LangChain messages and LangGraph's own types need no mention. Any other
            type comes back as the plain data it was stored as, and none of its code runs. When
            `LANGGRAPH_STRICT_MSGPACK=true` is set, `compile` also adds the types that the state
            schema is annotated with; without it only this list counts.
        tenant: whose threads these are. The saver and its journal see, move and delete no others,
            though the database is shared; without a tenant, only the threads that have none. Also
            as the URL's option `tenant=`.
        key: encrypts and authenticates the state, the journal and the open questions, each for
            its tenant, thread and place: 32 bytes, or a `Secret` that holds them as base64 or
            hexadecimal. Of several, the first is written with, and all are read with. None among
            them lets threads go on that were begun before there was a key. Also as the URL's
            option `key=env:NAME`. Ids, names of nodes and channels, times and metadata stay in
            clear.

    Raises:
        CheckpointerError: the URL is wrong, the store cannot be opened, or the key does not open
            it.
        MissingExtra: the packages for Postgres or for encryption are not installed.
    """
    address = read_address(url)
    room = _room(address, tenant, key)
    serde = StrictSerializer(allow)
    # Each store is imported only where it is used: Postgres needs packages of its own.
    if address.scheme == "memory":
        from quintet.state.savers.memory import open_memory

        return open_memory(address, serde, room)
    if address.scheme == "sqlite":
        from quintet.state.savers.sqlite import open_sqlite

        return open_sqlite(address, serde, room)
    try:
        from quintet.state.savers.postgres import open_postgres
    except ImportError as problem:
        raise MissingExtra(
            f"{address.shown!r} needs packages that are not installed ({problem}): "
            'pip install "quintet[postgres]"'
        ) from problem
    return open_postgres(address, serde, room)


def _room(address: Address, tenant: str | None, key: Key | Sequence[Key]) -> Room:
    """Give the tenant and keys, by argument or by the URL's options, which are taken off it."""
    named, reference = address.options.pop("tenant", None), address.options.pop("key", None)
    if named is not None and tenant not in (None, named):
        raise CheckpointerError(f"{address.shown!r} names tenant {named!r}, and tenant={tenant!r}")
    if reference is not None:
        if key is not None:
            raise CheckpointerError(f"{address.shown!r} names a key, and key= does too: give one")
        if not reference.startswith(("env:", "file:")):
            raise CheckpointerError(
                "a URL's key= is a reference, such as env:NAME, and never the key itself"
            )
        key = Secret(reference)
    return Room(tenant=named if tenant is None else tenant, keys=keys_of(key))


def require_saver(saver: BaseCheckpointSaver[Any]) -> None:
    """Refuse what is no checkpointer, such as its URL.

    Raises:
        CheckpointerError: it says what to give.
    """
    if not isinstance(saver, BaseCheckpointSaver):
        raise CheckpointerError(
            f"{saver!r:.60} is no checkpointer: give one, as checkpointer('sqlite:///runs.db')"
        )


def threads(saver: BaseCheckpointSaver[str]) -> list[str]:
    """Give the ids of all threads in a saver, the latest written first.

    Raises:
        CheckpointerError: it is no saver.
    """
    require_saver(saver)
    if isinstance(saver, Saver):
        return [*saver.threads()]
    latest: dict[str, str] = {}
    for item in saver.list(None):
        ids = item.config["configurable"]
        thread, checkpoint = ids["thread_id"], ids["checkpoint_id"]
        # Checkpoint ids grow with time, so the greatest is the latest.
        latest[thread] = max(checkpoint, latest.get(thread, ""))
    return sorted(latest, key=latest.__getitem__, reverse=True)
