"""Offer the five duties as nodes: plan, route, work, merge, approve, recover; and their effects."""

from quintet.nodes.act import Act, Undo, proposed
from quintet.nodes.agents.chat import Handoff, Question
from quintet.nodes.agents.judge import judge_criteria, judge_sources
from quintet.nodes.answer import Answer
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.choosers.choose import Choice, Chooser, Condition, by_rules, cascade
from quintet.nodes.choosers.examples import Examples, by_examples
from quintet.nodes.choosers.model import by_model, chat_model
from quintet.nodes.choosers.reply import Reply
from quintet.nodes.choosers.tune import tuned
from quintet.nodes.core.breaker import Breaker
from quintet.nodes.core.classify import classify
from quintet.nodes.core.condition import always, over
from quintet.nodes.core.node import Node
from quintet.nodes.core.price import per_million
from quintet.nodes.effect import Effect, effect
from quintet.nodes.finish import Finish, hand_over
from quintet.nodes.identity import Person, Signed, by_name
from quintet.nodes.merge import Merge, Resolver, precedence, vote
from quintet.nodes.plan import Evidence, Planner
from quintet.nodes.recover import Recovery, Remedy, abort, escalate, fallback, replan, retry
from quintet.nodes.review import Review
from quintet.nodes.route import Router
from quintet.nodes.work import Worker

__all__ = [
    "Act",
    "Answer",
    "ApprovalGate",
    "Breaker",
    "Choice",
    "Chooser",
    "Condition",
    "Effect",
    "Evidence",
    "Examples",
    "Finish",
    "Handoff",
    "Merge",
    "Node",
    "Person",
    "Planner",
    "Question",
    "Recovery",
    "Remedy",
    "Reply",
    "Resolver",
    "Review",
    "Router",
    "Signed",
    "Undo",
    "Worker",
    "abort",
    "always",
    "by_examples",
    "by_model",
    "by_name",
    "by_rules",
    "cascade",
    "chat_model",
    "classify",
    "effect",
    "escalate",
    "fallback",
    "hand_over",
    "judge_criteria",
    "judge_sources",
    "over",
    "per_million",
    "precedence",
    "proposed",
    "replan",
    "retry",
    "tuned",
    "vote",
]
