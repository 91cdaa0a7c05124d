"""Push cases into a LangSmith dataset, and pull a dataset's examples as cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from langsmith import Client
from langsmith.schemas import Dataset, Example
from langsmith.utils import LangSmithNotFoundError

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.items import items_in
from quintet.evals.langsmith.service import connected, translated_errors
from quintet.evals.reading.dataset import OURS, from_example, to_example

TAGS, SPLIT = "tags", "dataset_split"


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """The dataset that `push_cases` made or updated.

    Attributes:
        dataset: the dataset's name.
        id: the dataset's id.
        url: its page in LangSmith; empty where the server does not say.
        created, updated, kept: the numbers of new, changed and unchanged examples.
        examples: by case id, as the server has them.
    """

    dataset: str
    id: UUID
    url: str = ""
    created: int = 0
    updated: int = 0
    kept: int = 0
    examples: Mapping[str, Example] = field(default_factory=dict, repr=False)


def push_cases(cases: Iterable[Case], dataset: str, *, client: Client | None = None) -> Pushed:
    """Put cases into a dataset, which is made if there is none.

    Examples are matched to cases by the case's id, so a second push updates the changed ones and
    makes none twice. Examples of other cases are left alone, and none is deleted.

    Args:
        cases: the cases; their ids are unique.
        dataset: the dataset's name.
        client: a LangSmith client; by default one for the key in the environment.

    Raises:
        DesignError: two cases of one id, no name, or no key.
        ServiceError: LangSmith was not reached, or refused.
    """
    cases = items_in(cases, "push_cases(...)", Case)
    by_id = {case.id: case for case in cases}
    if len(by_id) < len(cases):
        raise DesignError("push_cases: two cases have the same id; give each its own")
    if not dataset:
        raise DesignError("push_cases(dataset=''): give the dataset a name")
    with connected(client) as link, translated_errors(link):
        return _pushed(link, by_id, dataset)


def pull_cases(dataset: str, *, client: Client | None = None) -> tuple[Case, ...]:
    """Read the examples of a dataset as cases, whoever wrote them, the oldest first.

    Args:
        dataset: the dataset's name.
        client: a LangSmith client; by default one for the key in the environment.

    Raises:
        DesignError: an example that is no case, or no key.
        ServiceError: there is no such dataset, or LangSmith was not reached, or refused.
    """
    with connected(client) as link, translated_errors(link):
        examples = list(link.list_examples(dataset_name=dataset))
    # The ids settle the order of those that were made by one request.
    examples.sort(key=lambda example: (example.created_at, str(example.id)))
    return tuple(from_example(example) for example in examples)


def _pushed(client: Client, cases: Mapping[str, Case], name: str) -> Pushed:
    dataset = _dataset(client, name)
    known = _examples(client, dataset)
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for key, case in cases.items():
        example, old = _example(case), known.get(key)
        if old is None:
            # `create_examples` calls them reference_outputs, `update_examples` outputs.
            expected = {"reference_outputs": example.pop("outputs")}
            # The id follows from the case, so that a repeated request makes no second example.
            new.append({"id": uuid5(dataset.id, key), **example, **expected})
        elif _differs(example, old):
            # An update replaces all metadata. The key of the splits is the server's own.
            others = {name: value for name, value in (old.metadata or {}).items() if name != SPLIT}
            example["metadata"] = {**others, **example["metadata"]}
            changed.append({"id": old.id, **example})
    if new:
        client.create_examples(dataset_id=dataset.id, examples=new)
    if changed:
        client.update_examples(dataset_id=dataset.id, updates=changed)
    if new or changed:
        known = _examples(client, dataset)
    return Pushed(
        dataset=name,
        id=dataset.id,
        url=dataset.url or "",
        created=len(new),
        updated=len(changed),
        kept=len(cases) - len(new) - len(changed),
        examples={key: known[key] for key in cases if key in known},
    )


def _dataset(client: Client, name: str) -> Dataset:
    try:
        dataset: Dataset = client.read_dataset(dataset_name=name)
    except LangSmithNotFoundError:
        return client.create_dataset(name, description="Cases of a Quintet suite")
    return dataset


def _examples(client: Client, dataset: Dataset) -> dict[str, Example]:
    """Read the dataset's examples, by the id of the case that each belongs to."""
    return {_case_id(item): item for item in client.list_examples(dataset_id=dataset.id)}


def _case_id(example: Example) -> str:
    ours = (example.metadata or {}).get(OURS)
    return str((ours.get("id") if isinstance(ours, Mapping) else None) or example.id)


def _example(case: Case) -> dict[str, Any]:
    """Convert a case to an example to send, with its tags as splits and as metadata.

    LangSmith filters examples by both.
    """
    example = to_example(case)
    metadata = {**example["metadata"], TAGS: list(case.tags)}
    return {**example, "metadata": metadata, "split": list(case.tags) or ["base"]}


def _differs(example: Mapping[str, Any], old: Example) -> bool:
    """Tell whether a stored example differs from its case's; foreign metadata is ignored."""
    stored = old.metadata or {}
    missing = any(stored.get(name) != value for name, value in example["metadata"].items())
    return missing or (example["inputs"], example["outputs"]) != (old.inputs, old.outputs or {})
