"""Cases as examples of a LangSmith dataset, and back; nothing is sent anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.reading.records import FIELDS, case_record, read_record

OURS = "quintet"
"""The key of an example's metadata under which a case keeps what is neither input nor label."""
_ASIDE = ("id", "tags", "group")
_TEXTS = ("input", "text", "question", "query")
_ANSWERS = ("answer", "output", "response")


def to_example(case: Case) -> dict[str, Any]:
    """A case as `inputs`, `outputs` and `metadata`; `from_example` gives it back.

    Raises:
        DesignError: the case has no input, or holds what JSON cannot.
    """
    record = case_record(case)
    given = record.pop("input")
    aside = {name: record.pop(name) for name in _ASIDE if name in record}
    whole = isinstance(given, Mapping) and bool(given)
    return {
        "inputs": given if whole else {"input": given},
        "outputs": record,
        "metadata": {OURS: {**aside, "wrapped": not whole}},
    }


def from_example(example: Any) -> Case:
    """A case from an example: one of ours without loss, or anybody's.

    Of a foreign example the inputs are the case's input, or the text alone where that is all that
    they hold (`input`, `text`, `question`, `query`). Outputs named as a label of `Case` are that
    label; `label` is the route; `output` and `response` are the answer. Where none is known, all
    outputs together are the answer. The splits that it is in are its tags.

    Args:
        example: a mapping with `inputs` and `outputs`, or LangSmith's `Example`.

    Raises:
        DesignError: no inputs, or a label of the wrong kind.
    """
    inputs, outputs, metadata = (_part(example, n) for n in ("inputs", "outputs", "metadata"))
    if not inputs:
        raise DesignError(f"{example!r:.60} has no inputs; give an example with inputs and outputs")
    ours = metadata.get(OURS)
    if isinstance(ours, Mapping) and "wrapped" in ours:
        given = inputs.get("input") if ours["wrapped"] else dict(inputs)
        aside = {name: ours[name] for name in _ASIDE if name in ours}
        return read_record({"input": given, **outputs, **aside})
    splits = metadata.get("dataset_split") or []
    tags = {"tags": [splits] if isinstance(splits, str) else splits} if splits else {}
    named = {"id": str(name)} if (name := _named(example)) else {}
    return read_record({"input": _input(inputs), **_labels(outputs), **tags, **named})


def _part(example: Any, name: str) -> Mapping[str, Any]:
    whole = example.get(name) if isinstance(example, Mapping) else getattr(example, name, None)
    return whole if isinstance(whole, Mapping) else {}


def _named(example: Any) -> Any:
    return example.get("id") if isinstance(example, Mapping) else getattr(example, "id", None)


def _input(inputs: Mapping[str, Any]) -> Any:
    if len(inputs) == 1:
        name, value = next(iter(inputs.items()))
        if name in _TEXTS and value is not None:
            return value
    return dict(inputs)


def _labels(outputs: Mapping[str, Any]) -> dict[str, Any]:
    known = [name for name in FIELDS if name not in ("input", *_ASIDE)]
    labels = {name: outputs[name] for name in known if name in outputs}
    if "route" not in labels and "label" in outputs:
        labels["route"] = outputs["label"]
    answer = next((name for name in _ANSWERS if outputs.get(name) is not None), None)
    if answer is not None:
        labels["answer"] = outputs[answer]
    return labels or ({"answer": dict(outputs)} if outputs else {})
