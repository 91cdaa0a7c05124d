"""Fakes for tests and demos: a chat model and a person that follow a script."""

from quintet.testing.call import ModelCall
from quintet.testing.model import ScriptedModel
from quintet.testing.person import ScriptedPerson
from quintet.testing.script import ScriptExhausted

__all__ = ["ModelCall", "ScriptExhausted", "ScriptedModel", "ScriptedPerson"]
