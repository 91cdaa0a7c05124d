"""Fake a chat model, a person or the time in tests and demos; crash a graph at every point."""

from quintet.testing.call import ModelCall
from quintet.testing.clock import clock
from quintet.testing.crash.crashpoints import crashpoints
from quintet.testing.model import ScriptedModel
from quintet.testing.person import ScriptedPerson
from quintet.testing.script import ScriptExhausted

__all__ = [
    "ModelCall",
    "ScriptExhausted",
    "ScriptedModel",
    "ScriptedPerson",
    "clock",
    "crashpoints",
]
