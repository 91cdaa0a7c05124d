"""Build the research desk: a manager, a team that finds evidence, a code writer, a fact checker."""

from __future__ import annotations

from typing import Any

from langgraph.graph import StateGraph

from quintet.graphs import create_manager_worker
from quintet.nodes import Ledger, Manager, Worker
from quintet.state import Step

from .agents import Checker, Coder, Finder
from .contracts import Terms
from .library import Library, library
from .words import is_numeric


def gather(request: Any, ledger: Ledger) -> Any:
    """Manage those who find: search, then pick."""
    if not ledger.steps:
        question = request["message"]
        search = Step(id="search", goal=question, assignee="searcher")
        return [search, Step(id="pick", goal=question, assignee="summariser", after=("search",))]
    return ledger.results["pick"]


def direct(request: Any, ledger: Ledger) -> Any:
    """Manage the desk: find, compute where numbers are asked for, check, answer."""
    question, results = request["message"], ledger.results
    if not ledger.steps:
        return Step(id="find", goal=question, assignee="evidence")
    if ledger.problems:
        return none_for(question, conflict="; ".join(ledger.problems.values()))
    if "find" in results and results["find"]["question"] != question:
        return none_for(question, conflict="the evidence is about another question")
    if "find" in results and not results["find"]["sentences"]:
        return none_for(question, refused="the documents do not say")
    if is_numeric(question) and "compute" not in results:
        return Step(id="compute", goal=question, assignee="code_writer", after=("find",))
    if "check" not in results:
        after = tuple(name for name in ("find", "compute") if name in results)
        return Step(id="check", goal=question, assignee="fact_checker", after=after)
    return results["check"]


def none_for(question: str, **why: str) -> dict[str, Any]:
    """Give no answer to a question, and say why."""
    return {"question": question, "sentences": [], **why}


def build(books: Library | None = None, *, model: Any = None) -> StateGraph[Any]:
    """Build the desk over documents; a chat model drives it under the same contracts."""
    books = books or library()
    terms, finder, checker = Terms(books), Finder(books=books), Checker(books=books)
    team = create_manager_worker(
        Manager(agent=model or gather, contract=terms.evidence),
        {
            "searcher": Worker(agent=finder.search, contract=terms.search),
            "summariser": Worker(agent=model or finder.pick, contract=terms.summary),
        },
    )
    code = model or Coder(checker=checker).write
    return create_manager_worker(
        Manager(agent=model or direct, contract=terms.answer),
        {
            "evidence": Worker(agent=team.compile(), contract=terms.team),
            "code_writer": Worker(agent=code, contract=terms.code),
            "fact_checker": Worker(agent=model or checker.check, contract=terms.facts),
        },
        success=(terms.stands_at_the_end,),
    )
