"""Give a chooser the customer's message together with the question that it may answer."""

from __future__ import annotations


class Reply(str):
    """Hold a message that follows a question; a text as any other to choosers that read texts.

    Attributes:
        question: the question's text.
        waits: the node that waits for its answer.
    """

    question: str
    waits: str

    def __new__(cls, message: str, question: str, waits: str) -> Reply:
        """Make a reply of a message."""
        reply = super().__new__(cls, message)
        reply.question, reply.waits = question, waits
        return reply
