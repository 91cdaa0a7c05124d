"""Fake a chat model or a person in tests and demos: both follow a script."""

from quintet.testing.call import ModelCall
from quintet.testing.model import ScriptedModel
from quintet.testing.person import ScriptedPerson
from quintet.testing.script import ScriptExhausted

__all__ = ["ModelCall", "ScriptExhausted", "ScriptedModel", "ScriptedPerson"]
