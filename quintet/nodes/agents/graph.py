"""Read agents that are graphs: what they have done, how they ended, what they ask."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage, convert_to_messages
from langchain_core.runnables import RunnableSequence
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.fallbacks import RunnableWithFallbacks

from quintet.errors import BudgetExhausted, ContractBroken
from quintet.nodes.agents.chat import Question, answer_of
from quintet.nodes.core.actions import of_this_run
from quintet.nodes.core.handed_on import check_ended, check_handed_on
from quintet.state.action import Action
from quintet.state.actions import Actions
from quintet.state.channels import STANDING, Ending, Results
from quintet.state.contract import Contract
from quintet.state.messages import Messages
from quintet.state.questions import Questions, asked_texts, new_questions
from quintet.state.record import read


def actions_in(result: Any) -> Iterator[Action]:
    """Find the effects that an agent graph did or proposed, in the messages of their tools."""
    # When the graph pauses and goes on in another process, its attempt is lost. The messages are
    # kept in the graph's own checkpoints.
    messages = result.get("messages") if isinstance(result, Mapping) else None
    for message in messages or ():
        artifact = message.artifact if isinstance(message, ToolMessage) else None
        if isinstance(artifact, Mapping) and "quintet_action" in artifact:
            yield read(Action, artifact["quintet_action"])


def actions_of(agent: Any, result: Any) -> Iterator[Action]:
    """Give what a nested graph of ours has done, by its own state: after a resume, all of it."""
    channels = getattr(agent, "channels", None) or {}
    if not isinstance(result, Mapping) or not isinstance(channels.get("actions"), Actions):
        return
    for item in of_this_run(result).values():
        if item["status"] in STANDING and "arguments" in item and "again" not in item:
            yield read(Action, item)


def check_outcome(agent: Any, contract: Contract, result: Any) -> None:
    """Refuse the end state of a nested graph of ours whose outcome is not `done`.

    A function, or a runnable around a graph, may hand on such a state as its own result.

    Raises:
        BudgetExhausted: it is `exhausted`.
        PersonNeeded: it is another, or the run whose state is handed on has not ended.
    """
    part = f"contract {contract.goal!r}: the agent"
    # By the channel's type: a graph of the user's own may have a key `outcome` of another meaning.
    channels = getattr(agent, "channels", None)
    if channels is None:
        check_handed_on(part, result)
    elif isinstance(channels.get("outcome"), Ending):
        check_ended(part, result.get("outcome"))


def answer_of_run(agent: Any, contract: Contract, result: Mapping[str, Any]) -> Any:
    """Return a nested graph's answer, its manager's or else its last result, or the keys asked for.

    A contract that gives any value, or keys of the graph's state, gets its state.
    """
    channels = getattr(agent, "channels", None) or {}
    results = result.get("results") or {}
    if contract.gives is None or not results or not isinstance(channels.get("results"), Results):
        return result
    if contract.given and channels.keys() >= set(contract.given):
        return result
    # A stand-in for a graph, as fault injection puts in, may show its channels and no nodes.
    nodes = getattr(getattr(agent, "builder", None), "nodes", None) or {}
    last = [name for name, spec in nodes.items() if getattr(spec.runnable, "answers", False)]
    return results[next((name for name in last if name in results), [*results][-1])]


def question_of(agent: Any, contract: Contract, result: Mapping[str, Any]) -> Question | None:
    """Give the question with which a nested graph of ours has ended, where the contract lets it."""
    ended = result.get("outcome") if converses(agent) else None
    if not contract.questions or not ended or ended["status"] != "asked":
        return None
    asked = new_questions(result)
    return Question(text="; ".join(dict.fromkeys(asked_texts(asked).values())), within=asked)


def converses(agent: Any) -> bool:
    """Say whether an agent is a graph that keeps questions to the customer in its state."""
    return isinstance((getattr(agent, "channels", None) or {}).get("questions"), Questions)


def input_runnable(agent: Any) -> Any:
    """Return the runnable that takes an agent's input: within bindings, the first of a sequence."""
    while True:
        if isinstance(agent, RunnableBindingBase):
            agent = agent.bound
        elif isinstance(agent, RunnableSequence):
            agent = agent.first
        elif isinstance(agent, RunnableWithFallbacks):
            agent = agent.runnable
        else:
            return agent


def takes_messages(agent: Any) -> bool:
    """Say whether an agent graph takes messages, as `create_agent` graphs do."""
    channels = getattr(agent, "channels", None) or {}
    return "messages" in channels and not isinstance(channels["messages"], Messages)


def graph_answer(given: Any, result: Mapping[str, Any], contract: Contract) -> Any:
    """Return an agent graph's answer: its structured response, else its last message.

    Args:
        given: the input that the graph was given.
        result: its end state.
        contract: the worker's.

    Raises:
        BudgetExhausted: LangChain ended it at a limit of its own.
        ContractBroken: its last message is the request, a tool's error, or says that the model
            failed.
    """
    if result.get("structured_response") is not None:
        return result["structured_response"]
    last = convert_to_messages(result["messages"][-1:] or given["messages"])[0]
    text = str(last.text)
    called = f"contract {contract.goal!r}: the agent gave no answer; "
    if isinstance(last, HumanMessage) and last.content == given["messages"][-1].content:
        raise ContractBroken(f"{called}its last message is the request")
    if isinstance(last, ToolMessage) and last.status == "error":
        raise ContractBroken(f"{called}its last message is an error of {last.name!r}: {text:.80}")
    # What the middleware says in the model's place; what a model said has more to it than a text.
    if isinstance(last, AIMessage) and not last.response_metadata:
        if _LIMITS.match(text):
            raise BudgetExhausted(f"{called}it was ended at a limit: {text:.120}")
        if _FAILED.match(text):
            raise ContractBroken(f"{called}its middleware says: {text:.120}")
    return answer_of(last, contract)


_LIMITS = re.compile(
    r"Model call limits exceeded: |('[^']*' tool|Tool) call limit reached: "
    r"|Sorry, need more steps to process this request\.$"
)
_FAILED = re.compile(r"Model call failed after \d+ attempts? with \w+: ")
"""How ModelCallLimitMiddleware, ToolCallLimitMiddleware and `create_react_agent`, and how
ModelRetryMiddleware end an agent."""
