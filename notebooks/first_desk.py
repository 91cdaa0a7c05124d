# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A first desk
#
# You have agents that work. This notebook puts three of them behind one front door, runs a few
# requests, answers a question that a person must answer, breaks an agent on purpose, and looks at
# the decisions. No model, no key, no server.

# %% [markdown]
# ## Your agents
#
# An agent is any function of its request. A chat model, a runnable, a compiled graph or a
# `create_agent` graph goes in the same place.

# %%
ORDERS = {
    1042: {"paid": [144.0, 144.0], "parcel": "delivered"},
    1043: {"paid": [39.0], "parcel": "due on Thursday"},
}
PAID_BACK = []


def issue_refund(order: int, amount: float) -> dict:
    """Pay money back. This really happens, so it must happen once."""
    PAID_BACK.append((order, amount))
    return {"receipt": len(PAID_BACK), "order": order, "amount": amount}


def billing(request, tools):
    paid = ORDERS[request["order"]]["paid"]
    if len(set(paid)) == len(paid):
        return {"reply": "The record shows no second charge.", "cites": "duplicate-charge"}
    done = tools["issue_refund"](order=request["order"], amount=paid[-1])
    how = "waits for a colleague" if done.get("status") == "proposed" else "is on its way"
    return {"reply": f"Your refund {how}.", "cites": "duplicate-charge"}


def shipping(request):
    return {"reply": f"Your parcel is {ORDERS[request['order']]['parcel']}.", "cites": "status"}


def basic(request):
    return {"reply": "We looked into it and will write again.", "cites": "general"}


# %% [markdown]
# ## The contract of a handoff
#
# What reaches the agent, what it must give back, which tools it may call, and what makes a result a
# success. All of it is enforced at run time.

# %%
from typing_extensions import TypedDict

from quintet.nodes import effect
from quintet.state import Contract, unmet


class Reply(TypedDict):
    reply: str
    cites: str


def cites_policy(result):
    return bool(result["cites"]) or unmet("no policy is cited")


refund = effect(issue_refund, key="refund:{order}:{amount}")


def contract(goal, tools=()):
    return Contract(
        goal=goal, needs=("message", "order"), gives=Reply, tools=tools, success=(cites_policy,)
    )


# %% [markdown]
# ## The desk
#
# A router with written rules, three workers, a gate above 100, and a recovery policy. The result is
# an ordinary, uncompiled `StateGraph`.

# %%
from quintet.graphs import check, create_handoff
from quintet.nodes import ApprovalGate, Recovery, Router, Worker, by_rules, fallback, over, retry
from quintet.state import OrchestrationState, checkpointer


class Desk(OrchestrationState, total=False):
    order: int


def build(shipping_agent=shipping):
    return create_handoff(
        Router(
            choose=by_rules([("charged|refund|invoice", "billing"), ("parcel|where", "shipping")]),
            to=("billing", "shipping"),
            otherwise="person",
        ),
        {
            "billing": Worker(agent=billing, contract=contract("Settle the charge", (refund,))),
            "shipping": Worker(agent=shipping_agent, contract=contract("Find the parcel")),
            "basic": Worker(agent=basic, contract=contract("Answer in a specialist's place")),
        },
        gate=ApprovalGate(when=over(100), approvers=("maria",), expires="24h"),
        recover=Recovery(transient=retry(3, wait=0.01), permanent=fallback("basic")),
        state=Desk,
    )


desk = build()
app = desk.compile(checkpointer=checkpointer("memory://"))
list(desk.nodes)

# %% [markdown]
# Before the first run, `check` looks for what LangGraph lets pass in silence.

# %%
check(app)

# %% [markdown]
# ## A run, and what it decided
#
# A run always ends in an outcome with a reason. Each decision says who took it, and why.

# %%
from quintet.runs import approve, start

start(app, {"message": "Where is my parcel?", "order": 1043}, thread="parcel")

# %% [markdown]
# The second charge of order 1042 is 144, above the limit. The refund is proposed, not run, and the
# run waits for a person:

# %%
run = start(app, {"message": "I was charged twice", "order": 1042}, thread="twice")
run

# %%
run.waiting[0].packet

# %% [markdown]
# Only an approver may answer. A bad answer is refused, and the question stays open.

# %%
from quintet.state import AnswerRefused

try:
    run.answer(approve(by="mallory"))
except AnswerRefused as refusal:
    print(refusal)

print("paid back:", PAID_BACK)

# %%
ended = run.answer(approve(by="maria", note="seen the bank statement"))
print("paid back:", PAID_BACK)
ended

# %% [markdown]
# The same yes a second time does nothing: the question is not open any more.

# %%
try:
    run.answer(approve(by="maria"))
except AnswerRefused as refusal:
    print(refusal)

print("paid back:", PAID_BACK)

# %% [markdown]
# ## When an agent breaks
#
# A parcel service that is down twice is tried again; a specialist that is broken for good is
# replaced by the fallback. Both are on record.

# %%
tries = []


def flaky(request):
    tries.append(request["order"])
    if len(tries) < 3:
        raise ConnectionError("the parcel service does not answer")
    return shipping(request)


def broken(request):
    raise KeyError("tariff_table")


for agent in (flaky, broken):
    shaky = build(agent).compile(checkpointer=checkpointer("memory://"))
    given = {"message": "Where is my parcel?", "order": 1043}
    print(start(shaky, given, thread=agent.__name__), end="\n\n")

# %% [markdown]
# Nobody takes a message that no rule knows: it goes to a person, with a packet that says what was
# tried.

# %%
unclear = start(app, {"message": "hello??", "order": 1043}, thread="unclear")
print(unclear.status, "|", unclear.outcome.evidence["packet"])
