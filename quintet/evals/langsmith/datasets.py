"""Datasets, both ways: cases into a LangSmith dataset, and a dataset as cases."""

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
from quintet.evals.langsmith.service import asked, connect
from quintet.evals.reading.dataset import OURS, from_example, to_example

TAGS, SPLIT = "tags", "dataset_split"


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What `push_cases` did.

    Attributes:
        dataset: the dataset's name.
        id: the dataset's id.
        url: where it can be looked at; empty where the server does not say.
        created, updated, kept: how many examples were new, changed, and already as they should be.
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
    """Put cases into a dataset; it is made if there is none.

    An example belongs to a case by the case's id, so that a second push updates what has changed
    and makes nothing twice. Examples of other cases are left alone, and none is deleted.

    Args:
        cases: the cases; their ids are unique.
        dataset: the dataset's name.
        client: a LangSmith client; by default one for the key in the environment.

    Raises:
        DesignError: two cases of one id, no name, or no key.
        ServiceError: LangSmith was not reached, or refused.
    """
    given = tuple(cases)
    wanted = {case.id: case for case in given}
    if len(wanted) < len(given):
        raise DesignError("push_cases: two cases have the same id; give each its own")
    if not dataset:
        raise DesignError("push_cases(dataset=''): give the dataset a name")
    link = client or connect()
    try:
        with asked(link):
            return _pushed(link, wanted, dataset)
    finally:
        if client is None:
            link.close(timeout=0)


def pull_cases(dataset: str, *, client: Client | None = None) -> tuple[Case, ...]:
    """The examples of a dataset as cases, whoever wrote them, in the order of their making.

    Args:
        dataset: the dataset's name.
        client: a LangSmith client; by default one for the key in the environment.

    Raises:
        DesignError: an example that is no case, or no key.
        ServiceError: there is no such dataset, or LangSmith was not reached, or refused.
    """
    link = client or connect()
    try:
        with asked(link):
            found = list(link.list_examples(dataset_name=dataset))
        found.sort(key=lambda example: (example.created_at, str(example.id)))
        return tuple(from_example(example) for example in found)
    finally:
        if client is None:
            link.close(timeout=0)


def _pushed(client: Client, wanted: Mapping[str, Case], name: str) -> Pushed:
    dataset = _dataset(client, name)
    known = _examples(client, dataset)
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for key, case in wanted.items():
        given, old = _example(case), known.get(key)
        if old is None:
            expected = {"reference_outputs": given.pop("outputs")}
            new.append({"id": uuid5(dataset.id, key), **given, **expected})
        elif _differs(given, old):
            others = {name: value for name, value in (old.metadata or {}).items() if name != SPLIT}
            given["metadata"] = {**others, **given["metadata"]}
            changed.append({"id": old.id, **given})
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
        kept=len(wanted) - len(new) - len(changed),
        examples={key: known[key] for key in wanted if key in known},
    )


def _dataset(client: Client, name: str) -> Dataset:
    try:
        found: Dataset = client.read_dataset(dataset_name=name)
    except LangSmithNotFoundError:
        return client.create_dataset(name, description="Cases of a Quintet suite")
    return found


def _examples(client: Client, dataset: Dataset) -> dict[str, Example]:
    """By the id of the case that each belongs to."""
    return {_key(each): each for each in client.list_examples(dataset_id=dataset.id)}


def _key(example: Example) -> str:
    ours = (example.metadata or {}).get(OURS)
    return str((ours.get("id") if isinstance(ours, Mapping) else None) or example.id)


def _example(case: Case) -> dict[str, Any]:
    """A case as it is sent: its tags are splits, and metadata that can be filtered by."""
    made = to_example(case)
    metadata = {**made["metadata"], TAGS: list(case.tags)}
    return {**made, "metadata": metadata, "split": list(case.tags) or ["base"]}


def _differs(given: Mapping[str, Any], old: Example) -> bool:
    """Whether an example is not what its case says; metadata of others does not count."""
    has = old.metadata or {}
    missing = any(has.get(name) != value for name, value in given["metadata"].items())
    return missing or (given["inputs"], given["outputs"]) != (old.inputs, old.outputs or {})
