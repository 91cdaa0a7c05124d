"""Read the tokens and the money that a message or a record reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_INPUT = ("input_tokens", "prompt_tokens", "inputTokens", "promptTokenCount", "prompt_token_count")
_OUTPUT = (
    "output_tokens",
    "completion_tokens",
    "outputTokens",
    "candidatesTokenCount",
    "candidates_token_count",
)
_TOTAL = ("total_tokens", "totalTokens", "totalTokenCount", "total_token_count")
_PLACES = ("usage_metadata", "usage", "usageMetadata", "models_usage")


def usage(record: Mapping[str, Any]) -> dict[str, float]:
    """Read the tokens and the money that a message or a record reports; empty where none."""
    counts = _counts(record)
    input_tokens, output_tokens = amount(counts, *_INPUT), amount(counts, *_OUTPUT)
    total = amount(counts, *_TOTAL)
    if total is None and (input_tokens is not None or output_tokens is not None):
        total = (input_tokens or 0) + (output_tokens or 0)
    amounts = {
        "model_calls": 1.0 if total is not None else None,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "tokens": total,
        "money": amount(record, "cost"),
    }
    return {name: value for name, value in amounts.items() if value is not None}


def summed_usage(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Add up several usages by name."""
    total: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, 0) + value
    return total


def amount(record: Mapping[str, Any], *names: str) -> float | None:
    """Return the first of these values that is a number of a credible size."""
    for name in names:
        value = record.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:
            return value
    return None


def _counts(record: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = record.get("response_metadata")
    nested = metadata.get("token_usage") if isinstance(metadata, Mapping) else None
    reported = next((record[name] for name in _PLACES if record.get(name)), nested)
    return reported if isinstance(reported, Mapping) else {}
