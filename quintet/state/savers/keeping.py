"""Make a checkpoint ready to be kept, and read it back: without secrets, encrypted where wanted.

Under encryption each value of a channel is sealed for its thread, namespace, channel and version,
and each write for its task. The rest of a checkpoint, which the database's own queries read, stays
in clear, and a seal in the metadata covers it. So every part is refused in any other place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    EXCLUDED_METADATA_KEYS,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)

from quintet.errors import CheckpointerError
from quintet.state.crypt import TEXT, Keys, Sealed
from quintet.state.record import SECRETS
from quintet.state.redact import redacted_data
from quintet.state.room import Room, outside
from quintet.state.savers.serializer import StrictSerializer
from quintet.state.secret import Secret

SEAL = "quintet_seal"

_SECRET_NAME = re.compile(r"(?i)api.?key|secret|passw|credential|authori[sz]ation|(^|_)token$")


@lru_cache(maxsize=1024)
def _names_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def metadata_of(config: RunnableConfig, metadata: CheckpointMetadata) -> dict[str, Any]:
    """Give a checkpoint's metadata without secrets, with masks for those that LangGraph would add.

    For filters, LangGraph adds the texts and numbers of `configurable` that the metadata has not.
    A text whose name says that it is a secret, such as `api_key`, is masked; others stay in clear.
    """
    kept: dict[str, Any] = {}
    for name, value in metadata.items():
        if isinstance(value, str):
            kept[name] = _masked(name, value)
        elif isinstance(value, Secret):
            kept[name] = value.reference
        elif not isinstance(value, SECRETS):
            kept[name] = redacted_data(value)
    for added in (config.get("metadata"), config.get("configurable")):
        for name, value in added.items() if added else ():
            if isinstance(value, str) and name not in EXCLUDED_METADATA_KEYS and name not in kept:
                masked = _masked(name, value)
                if masked is not value and not name.startswith("__"):
                    kept[name] = masked
    return kept


def _masked(name: str, text: str) -> str:
    """Give a text itself where it shows no secret."""
    if _names_secret(name):
        return f"***{name}***"
    shown: str = redacted_data(text)
    return shown


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Name a checkpoint's place: the tenant, the stored thread and the namespace.

    Args:
        room: the room of the saver.
        config: the checkpoint's own configuration, as it is stored.
    """

    room: Room
    config: RunnableConfig

    def of(self, *parts: object) -> tuple[str, ...]:
        """Give the place of one of its parts."""
        ids = self.config["configurable"]
        space = (self.room.tenant or "", str(ids["thread_id"]), str(ids.get("checkpoint_ns", "")))
        return (*space, *map(str, parts))

    def refused(self, problem: object) -> CheckpointerError:
        """Give the error that names the thread and checkpoint which cannot be read."""
        ids = self.config["configurable"]
        return CheckpointerError(
            f"thread {outside(str(ids['thread_id']))!r}, checkpoint "
            f"{ids.get('checkpoint_id') or 'its newest'}: {problem}"
        )


def kept_values(
    spot: Spot, checkpoint: Checkpoint, keys: Keys, serde: StrictSerializer, *, as_text: bool
) -> Checkpoint:
    """Give a checkpoint with its channels' values sealed.

    Args:
        spot: its place.
        checkpoint: the checkpoint.
        keys: what to seal with.
        serde: what packs a value.
        as_text: whether a lone text, number or None becomes sealed text. LangGraph's saver for
            Postgres keeps these beside the checkpoint, and all else in a table of its own.
    """
    values = dict[str, Any]()
    for name, value in checkpoint["channel_values"].items():
        place = spot.of("channel", name, checkpoint["channel_versions"].get(name))
        if _is_snapshot(value):  # LangGraph's saver tells it from other values by its class
            values[name] = value._replace(value=_sealed(value.value, keys, serde, place))
        elif as_text and (value is None or isinstance(value, str | int | float)):
            values[name] = keys.seal_text(_packed(value, serde), place)
        else:
            values[name] = _sealed(value, keys, serde, place)
    return {**checkpoint, "channel_values": values}


def sealed_metadata(
    spot: Spot, parent: str | None, checkpoint: Checkpoint, metadata: dict[str, Any], keys: Keys
) -> dict[str, Any]:
    """Give metadata with a seal over what of the checkpoint stays in clear."""
    place = spot.of("checkpoint", _outline(checkpoint, metadata))
    return {**metadata, SEAL: keys.seal_text((parent or "").encode(), place)}


def kept_writes(
    spot: Spot,
    writes: Sequence[tuple[str, Any]],
    task: str,
    keys: Keys,
    serde: StrictSerializer,
) -> list[tuple[str, Any]]:
    """Give a task's writes with their values sealed."""
    checkpoint = spot.config["configurable"]["checkpoint_id"]
    return [
        (channel, _sealed(value, keys, serde, spot.of("write", checkpoint, task, channel)))
        for channel, value in writes
    ]


def opened(
    room: Room, stored: CheckpointTuple, keys: Keys, serde: StrictSerializer
) -> CheckpointTuple:
    """Give a stored checkpoint with its values decrypted.

    Raises:
        CheckpointerError: a part is altered, in another place, not encrypted, or under another key.
    """
    spot, checkpoint = Spot(room=room, config=stored.config), stored.checkpoint
    metadata = dict(stored.metadata)
    parent = (stored.parent_config or {}).get("configurable", {}).get("checkpoint_id")
    try:
        seal = metadata.pop(SEAL, None)
        if seal is None:
            keys.refuse_clear()
        else:
            place = spot.of("checkpoint", _outline(checkpoint, metadata))
            followed = keys.open_text(str(seal), place).decode()
            # Pruning takes the parent off what it leaves; another one is nobody's right.
            if parent not in (None, followed):
                raise CheckpointerError("it was altered: it does not follow the one that it names")
        values = {
            name: _opened(
                value,
                keys,
                serde,
                spot.of("channel", name, checkpoint["channel_versions"].get(name)),
            )
            for name, value in checkpoint["channel_values"].items()
        }
        writes = [
            (
                task,
                channel,
                _opened(value, keys, serde, spot.of("write", checkpoint["id"], task, channel)),
            )
            for task, channel, value in stored.pending_writes or ()
        ]
    except CheckpointerError as problem:
        raise spot.refused(problem) from None
    return stored._replace(
        checkpoint={**checkpoint, "channel_values": values},
        metadata=metadata,  # type: ignore[arg-type]
        pending_writes=writes,
    )


def refuse_sealed(room: Room, stored: CheckpointTuple) -> None:
    """Refuse an encrypted checkpoint where no key is given, and one that is not its row's.

    Raises:
        CheckpointerError: it names the thread and checkpoint.
    """
    spot = Spot(room=room, config=stored.config)
    if SEAL in stored.metadata:
        raise spot.refused("it is encrypted: give key=")


def refuse_misplaced(room: Room, stored: CheckpointTuple) -> None:
    """Refuse what is no checkpoint, or another one than its row says.

    Raises:
        CheckpointerError: it names the thread and checkpoint.
    """
    checkpoint: Any = stored.checkpoint
    wanted = stored.config["configurable"].get("checkpoint_id")
    fits = (
        isinstance(checkpoint, Mapping)
        and checkpoint.get("id") == wanted
        and isinstance(checkpoint.get("channel_values"), Mapping)
        and isinstance(checkpoint.get("channel_versions"), Mapping)
        and isinstance(checkpoint.get("versions_seen"), Mapping)
        and isinstance(stored.metadata, Mapping)
    )
    if not fits:
        raise Spot(room=room, config=stored.config).refused(
            "its row holds no checkpoint, or another one: it was altered"
        )


def _outline(checkpoint: Checkpoint, metadata: Mapping[str, Any]) -> str:
    """Give, as JSON, what decides how a run goes on from a checkpoint."""
    told = {name: metadata.get(name) for name in ("source", "step", "parents")}
    parts = [checkpoint["id"], checkpoint["channel_versions"], checkpoint["versions_seen"]]
    return json.dumps([*parts, told], sort_keys=True, default=str)


def _sealed(value: Any, keys: Keys, serde: StrictSerializer, place: tuple[str, ...]) -> Sealed:
    return Sealed(keys.seal(_packed(value, serde), place))


def _packed(value: Any, serde: StrictSerializer) -> bytes:
    kind, data = serde.dumps_typed(value)
    return kind.encode() + b"\0" + data


def _opened(value: Any, keys: Keys, serde: StrictSerializer, place: tuple[str, ...]) -> Any:
    if _is_snapshot(value):
        return value._replace(value=_opened(value.value, keys, serde, place))
    if isinstance(value, Sealed):
        packed = keys.open(value.held, place)
    elif isinstance(value, str) and value.startswith(TEXT):
        packed = keys.open_text(value, place)
    else:
        keys.refuse_clear()
        return value
    kind, _, data = packed.partition(b"\0")
    return serde.loads_typed((kind.decode(), data))


def _is_snapshot(value: Any) -> bool:
    """Say whether a value is a delta channel's snapshot, for which LangGraph has no public name."""
    return isinstance(value, tuple) and type(value).__module__ == "langgraph.checkpoint.serde.types"
