"""Open checkpointers by URL, with safe defaults, and make their tables."""

from __future__ import annotations

from collections.abc import Iterable

from langgraph.checkpoint.base import BaseCheckpointSaver

from quintet.errors import MissingExtra
from quintet.state.address import read_address
from quintet.state.saver import Saver
from quintet.state.serializer import Allowed, StrictSerializer


def checkpointer(url: str, *, allow: Iterable[Allowed] = ()) -> Saver:
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

    Raises:
        CheckpointerError: the URL is wrong or the store cannot be opened.
        MissingExtra: the packages for Postgres are not installed.
    """
    address = read_address(url)
    serde = StrictSerializer(allow)
    # Each store is imported only where it is used: Postgres needs packages of its own.
    if address.scheme == "memory":
        from quintet.state.memory import open_memory

        return open_memory(address, serde)
    if address.scheme == "sqlite":
        from quintet.state.sqlite import open_sqlite

        return open_sqlite(address, serde)
    try:
        from quintet.state.postgres import open_postgres
    except ImportError as problem:
        raise MissingExtra(
            f"{address.shown!r} needs packages that are not installed ({problem}): "
            'pip install "quintet[postgres]"'
        ) from problem
    return open_postgres(address, serde)


def threads(saver: BaseCheckpointSaver[str]) -> list[str]:
    """Give the ids of all threads in a saver, the latest written first."""
    if isinstance(saver, Saver):
        return [*saver.threads()]
    latest: dict[str, str] = {}
    for item in saver.list(None):
        ids = item.config["configurable"]
        thread, checkpoint = ids["thread_id"], ids["checkpoint_id"]
        # Checkpoint ids grow with time, so the greatest is the latest.
        latest[thread] = max(checkpoint, latest.get(thread, ""))
    return sorted(latest, key=latest.__getitem__, reverse=True)
