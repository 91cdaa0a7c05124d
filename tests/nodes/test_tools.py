from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool

from quintet.nodes.agents.tools import FunctionTool


def look(item: Annotated[str, "its number"], shelf: int = 1) -> str:
    """Look an item up."""
    return f"{item} is on shelf {shelf}"


async def alook(item: str) -> str:
    """Look an item up."""
    return f"{item} is blue"


@pytest.mark.parametrize("function", [look, alook])
def test_a_function_is_the_tool_that_langchain_makes_of_it(function: Any) -> None:
    ours, theirs = FunctionTool.of(function), tool(function)
    assert (ours.name, ours.description) == (theirs.name, theirs.description)
    assert ours.get_input_jsonschema() == theirs.get_input_jsonschema()
    assert asyncio.run(ours.ainvoke({"item": "7"})) == asyncio.run(theirs.ainvoke({"item": "7"}))


def test_a_function_tool_is_given_the_config_that_it_asks_for() -> None:
    def who(config: RunnableConfig) -> str:
        """Say who runs it."""
        return str(config["metadata"]["who"])

    assert FunctionTool.of(who).invoke({}, {"metadata": {"who": "maria"}}) == "maria"


def test_an_async_function_is_refused_where_nobody_awaits_as_by_langchain() -> None:
    with pytest.raises(NotImplementedError):
        FunctionTool.of(alook).invoke({"item": "7"})
