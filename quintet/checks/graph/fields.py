"""The fields of a type that a contract gives."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from pydantic import BaseModel
from typing_extensions import is_typeddict


def fields_of(kind: object) -> frozenset[str] | None:
    """List the fields of a TypedDict, a dataclass or a model; None for any other type."""
    if not isinstance(kind, type):
        return None
    if is_typeddict(kind):
        return frozenset(kind.__required_keys__ | kind.__optional_keys__)  # type: ignore[attr-defined]
    if issubclass(kind, BaseModel):
        return frozenset(kind.model_fields)
    return frozenset(each.name for each in fields(kind)) if is_dataclass(kind) else None
