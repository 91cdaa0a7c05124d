"""Store a checkpoint in Postgres together with the check that it follows its thread's newest.

LangGraph's saver sends the statements of a checkpoint to the server in one pipeline. The check is
one more statement at its front: a procedure in the database takes the thread's turn, reads the
newest checkpoint, and raises where another one has come in between, so that nothing is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.postgres import PostgresSaver
from psycopg.rows import tuple_row

from quintet.state.journal.entry import Journal
from quintet.state.savers.saver import Put

SUPERSEDED: Final = "QT001"
"""The SQLSTATE by which the procedure refuses a checkpoint that does not follow the newest."""

# In a procedure of its own since each statement in it sees what was committed before it: the newest
# checkpoint is read after the turn was taken. In a plain statement it would be read before.
# The name ends in a number: another body is another procedure, beside the one that others call.
_PROCEDURE: Final = """
CREATE OR REPLACE PROCEDURE quintet_follow_1(thread text, space text, followed text)
LANGUAGE plpgsql AS $$
DECLARE
    newest text;
BEGIN
    PERFORM pg_advisory_xact_lock(
        hashtextextended(current_schema() || '/' || thread || '/' || space, 8)
    );
    SELECT c.checkpoint_id INTO newest FROM checkpoints AS c
    WHERE c.thread_id = thread AND c.checkpoint_ns = space ORDER BY c.checkpoint_id DESC LIMIT 1;
    IF newest IS DISTINCT FROM followed THEN
        RAISE EXCEPTION 'the newest checkpoint is %', newest USING ERRCODE = 'QT001';
    END IF;
END
$$
"""
_IS_MADE: Final = "SELECT to_regprocedure('quintet_follow_1(text,text,text)') IS NOT NULL"
_FOLLOW: Final = "CALL quintet_follow_1(%s, %s, %s)"


class _AtItsEnd:
    """A pipeline that synchronises when it ends, and not each time that it is asked to."""

    def sync(self) -> None:
        """Do nothing: what was sent stays in one transaction with what comes after it."""


_AT_ITS_END: Final = cast(psycopg.Pipeline, _AtItsEnd())


def make_procedure(connection: psycopg.Connection[Any]) -> bool:
    """Make the procedure where it is missing; say whether it is there.

    Without it, as for a user who may make nothing in the schema, a checkpoint takes four statements
    more.
    """
    if _is_made(connection):
        return True
    try:
        connection.execute(_PROCEDURE)
    except psycopg.Error:  # it may not be made, or another process makes it at this moment
        return _is_made(connection)
    return True


def _is_made(connection: psycopg.Connection[Any]) -> bool:
    row = connection.cursor(row_factory=tuple_row).execute(_IS_MADE).fetchone()
    return bool(row and row[0])


def store_at_once(
    connection: psycopg.Connection[Any], saver: PostgresSaver, put: Put, journal: Journal
) -> RunnableConfig:
    """Store a checkpoint that follows its thread's newest; give its place.

    Args:
        connection: in autocommit mode; it is in use for nothing else meanwhile.
        saver: LangGraph's own, used for nothing else meanwhile; it is given the connection.
        put: the checkpoint.
        journal: where its decisions go.

    Raises:
        psycopg.Error: `SUPERSEDED` is its `sqlstate` where the checkpoint does not follow the
            newest.
    """
    ids = put.config["configurable"]
    place = str(ids["thread_id"]), ids.get("checkpoint_ns", ""), ids.get("checkpoint_id")
    saver.conn, saver.lock, saver.pipe = connection, threading.Lock(), _AT_ITS_END
    with _transaction(connection):
        connection.execute(_FOLLOW, place)
        if put.moved is not None:
            put.moved.add_to(journal, connection)
        return saver.put(put.config, put.checkpoint, put.metadata, put.versions)


@contextmanager
def _transaction(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Send all statements inside as one pipeline, which is one transaction of the server's."""
    problem: BaseException | None = None
    try:
        with connection.pipeline():
            try:
                yield
            except psycopg.Error as refused:
                problem = refused  # the server drops the rest by itself
            except BaseException as broken:  # noqa: BLE001 - it is raised below
                problem = broken
                # Else the pipeline's end would store the part that was sent.
                connection.execute("ROLLBACK")
    except psycopg.Error:
        # Raised inside, the first error would make psycopg log this one, which tells nothing more.
        if problem is None:
            raise
    if problem is not None:
        raise problem
