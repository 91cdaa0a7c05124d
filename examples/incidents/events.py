"""Define the types of event, and what a diagnosis is asked and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from typing_extensions import TypedDict

from quintet.state import Seal

SEAL = Seal(keys=("incident", "service", "cause", "at", "page", "restart"))
"""Refuses an incident that was changed on its way to those who act on it."""


@dataclass
class Alert:
    """One alert of a monitor."""

    service: str
    signal: str
    state: Literal["firing", "resolved"]
    at: str


@dataclass
class Symptom:
    """All that was heard of one signal of one service, in the order in which it happened."""

    service: str
    signal: str
    first: str
    count: int
    fired: bool
    over: bool
    flapping: bool


class Finding(TypedDict):
    """One cause: the service that has it, its first signal, and the services that suffer."""

    root: str
    signal: str
    services: list[str]
    first: str
    fired: bool
    over: bool
    flapping: bool


class Asked(TypedDict):
    """The symptoms, the service map, and the services that have an open ticket."""

    symptoms: list[dict[str, Any]]
    services: dict[str, Any]
    open: list[str]


@dataclass
class Diagnosis:
    """The causes behind the symptoms of one delivery."""

    findings: list[Finding]


@dataclass
class Incident:
    """One cause that somebody must know of."""

    incident: str
    service: str
    cause: str
    at: str
    page: bool
    restart: bool
    seal: str


@dataclass
class Ticketed:
    """A ticket was opened for an incident."""

    incident: str
    service: str


@dataclass
class Resolved:
    """The service of an incident has recovered."""

    incident: str
    service: str
