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
# # Measure a desk
#
# An orchestrator that cannot be measured cannot be trusted. This notebook evaluates the support
# desk of the examples on labelled messages, reads the report, compares two routers, and asks of
# each agent whether it is needed. Everything runs here, offline: no model, no key, no server.

# %% [markdown]
# ## A suite
#
# A `Suite` is cases, a target and gates. A case is an input with its labels: the route, the
# outcome, what must stand in the shop's books afterwards, what must never happen. This one is found
# by the name of its folder, as `quintet eval examples/support` finds it; each case runs on a shop
# of its own.

# %%
from contextlib import ExitStack

from quintet.evals import evaluate, open_suite

stack = ExitStack()
suite = stack.enter_context(open_suite("examples/support")).sampled(60)
case = suite.cases[0]
print(case.text)
print("route:", case.route, "outcome:", case.outcome, "books:", case.state["written"])

# %% [markdown]
# ## Evaluate, and read the report
#
# No figure comes without its interval, and a gate passes on the bound, not on the mean. These 60
# cases are too few to prove what the suite's gates ask, although 58 of them went as labelled, and
# the report says so. (On all 183 messages every gate passes.)

# %%
report = evaluate(suite, jobs=2)
report

# %% [markdown]
# Every run that contradicts a label is kept, with its path and its decisions.

# %%
from quintet.evals import attribute

for row in report.rows:
    if row.wrong:
        print(row.case.id, row.case.text)
        print("  wrong: ", "; ".join(row.wrong)[:140])
        print("  path:  ", " -> ".join(row.trajectory.path))
        print("  first: ", attribute(row.case, row.trajectory))

# %% [markdown]
# How many cases would it take to prove such a gate?

# %%
from quintet.stats import cases_for_gate

cases_for_gate(0.967, at_least=0.92)

# %% [markdown]
# ## Compare two routers
#
# A router alone is a target too. The desk's front door asks written rules first and labelled
# examples after them. Would the examples alone do? The comparison is paired, case by case, and says
# better, worse, or that it cannot tell. Of thirty figures one would differ by chance, so verdicts
# hold for all of them together. A gate says beforehand which figure counts: that one stands by
# itself.

# %%
from examples.support.desk import chooser, learned
from examples.support.evals import cases
from quintet.evals import ChooserTarget, Gate, Suite, compare, tiers

single = [case for case in cases() if case.plan is None]
counts = [Gate(metric="routing_accuracy", at_least=0.85)]

cascade = evaluate(Suite(cases=single, target=ChooserTarget(chooser=chooser()), gates=counts))
examples = evaluate(Suite(cases=single, target=ChooserTarget(chooser=learned()), gates=counts))
print("cascade ", cascade["routing_accuracy"])
print("examples", examples["routing_accuracy"])
print(compare(cascade, examples)["routing_accuracy"])

# %% [markdown]
# What each tier of the cascade decided, and how often it was right:

# %%
books = tiers(chooser(), single)
for tier in books.tiers:
    print(
        f"{tier.name}: {tier.decided} of {tier.asked} decided, {tier.right} right {tier.interval}"
    )
print("left to a person:", books.abstained, "of them rightly:", books.abstained_rightly)

# %% [markdown]
# ## Would fewer agents do?
#
# `ablate` takes agents out, makes two of them one, and says what that costs, at a matched budget.
# Here one specialist is removed, and two are merged into one who does whatever either of them can
# settle.

# %%
from dataclasses import replace
from functools import partial

from examples.support.evals import merged
from quintet.evals import Variant, ablate

few = suite.sampled(30)


def build(variant):
    return replace(few.target, change=partial(variant.apply, merge=merged))


tried = [
    Variant(kind="without", agents=("billing",)),
    Variant(kind="merged", agents=("billing", "shipping")),
]
print(ablate(few, tried, build=build, jobs=2))

# %% [markdown]
# Removing billing loses cases beyond doubt. Merging billing and shipping lost none of these 30,
# which is too few to say that it never would, and the sentence says how many would tell. The
# figures are of agents that are written rules: with a model behind each, the same call answers the
# same question.

# %%
stack.close()
