"""Convert cases to examples of a LangSmith dataset and back; nothing is sent anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.reading.records import FIELDS, case_record, read_record

OURS = "quintet"
"""The key of an example's metadata that holds a case's id, tags and group."""
_ASIDE = ("id", "tags", "group")
_TEXTS = ("input", "text", "question", "query")
_ANSWERS = ("answer", "output", "response")


def to_example(case: Case) -> dict[str, Any]:
    """Convert a case to `inputs`, `outputs` and `metadata`; `from_example` gives it back.

    Raises:
        DesignError: the case has no input, or holds what JSON cannot.
    """
    record = case_record(case)
    value = record.pop("input")
    aside = {name: record.pop(name) for name in _ASIDE if name in record}
    # Inputs are an object, and an example without any is refused: wrap every other input.
    whole = isinstance(value, Mapping) and bool(value)
    return {
        "inputs": value if whole else {"input": value},
        "outputs": record,
        "metadata": {OURS: {**aside, "wrapped": not whole}},
    }


def from_example(example: Any) -> Case:
    """Convert an example to a case: one from `to_example` without loss, or any other.

    The inputs of any other example become the case's input, or the text alone where they hold only
    a text (`input`, `text`, `question`, `query`). Outputs with the name of a label of `Case` are
    that label; `label` is the route; `output` and `response` are the answer. Where no name is
    known, all outputs together are the answer. The example's splits are the case's tags.

    Args:
        example: a mapping with `inputs` and `outputs`, or LangSmith's `Example`.

    Raises:
        DesignError: no inputs, or a label of the wrong kind.
    """
    names = ("inputs", "outputs", "metadata")
    inputs, outputs, metadata = (_mapping(_field(example, name)) for name in names)
    if not inputs:
        raise DesignError(f"{example!r:.60} has no inputs; give an example with inputs and outputs")
    ours = metadata.get(OURS)
    if isinstance(ours, Mapping) and "wrapped" in ours:
        value = inputs.get("input") if ours["wrapped"] else dict(inputs)
        aside = {name: ours[name] for name in _ASIDE if name in ours}
        return read_record({"input": value, **outputs, **aside})
    splits = metadata.get("dataset_split") or []
    tags = {"tags": [splits] if isinstance(splits, str) else splits} if splits else {}
    own_id = {"id": str(name)} if (name := _field(example, "id")) else {}
    return read_record({"input": _input(inputs), **_labels(outputs), **tags, **own_id})


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _field(example: Any, name: str) -> Any:
    return example.get(name) if isinstance(example, Mapping) else getattr(example, name, None)


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
