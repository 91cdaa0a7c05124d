"""Offer the five duties as nodes: plan, route, work, merge, approve, recover; and their effects."""

from quintet.nodes.act import Act, Undo, proposed
from quintet.nodes.agents.chat import Handoff, Question
from quintet.nodes.agents.judge import judge_criteria, judge_sources
from quintet.nodes.answer import Answer
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.choosers.choose import Choice, Chooser, Condition, by_rules, cascade
from quintet.nodes.choosers.descriptions import by_descriptions
from quintet.nodes.choosers.examples import Examples
from quintet.nodes.choosers.learn import by_examples
from quintet.nodes.choosers.model import by_model, chat_model
from quintet.nodes.choosers.reply import Reply
from quintet.nodes.choosers.tune import tuned
from quintet.nodes.conflict import (
    Resolver,
    about,
    people,
    precedence,
    says,
    strictest,
    vote,
    within,
)
from quintet.nodes.consult import Consult
from quintet.nodes.core.breaker import Breaker
from quintet.nodes.core.classify import classify
from quintet.nodes.core.condition import always, over
from quintet.nodes.core.late import late_results
from quintet.nodes.core.ledger import Cancel, Ledger, Message
from quintet.nodes.core.node import Node
from quintet.nodes.core.price import per_million
from quintet.nodes.dispatch import Dispatcher
from quintet.nodes.effect import Effect, effect
from quintet.nodes.fan_out import FanOut, numbered
from quintet.nodes.finish import Finish, hand_over
from quintet.nodes.functional import checked, once
from quintet.nodes.identity import Person, Signed, by_name
from quintet.nodes.join import Join
from quintet.nodes.manage import Manager
from quintet.nodes.merge import Merge
from quintet.nodes.plan import Planner
from quintet.nodes.planning.admission import reversible
from quintet.nodes.planning.evidence import Evidence
from quintet.nodes.planning.vocabulary import Vocabulary
from quintet.nodes.recover import Recovery, Remedy, abort, escalate, fallback, replan, retry
from quintet.nodes.review import Review
from quintet.nodes.route import Router
from quintet.nodes.sign_off import SignOff
from quintet.nodes.subscribe import Collect, Subscriber
from quintet.nodes.wait import Wait
from quintet.nodes.watch import Watch
from quintet.nodes.work import Worker

__all__ = [
    "Act",
    "Answer",
    "ApprovalGate",
    "Breaker",
    "Cancel",
    "Choice",
    "Chooser",
    "Collect",
    "Condition",
    "Consult",
    "Dispatcher",
    "Effect",
    "Evidence",
    "Examples",
    "FanOut",
    "Finish",
    "Handoff",
    "Join",
    "Ledger",
    "Manager",
    "Merge",
    "Message",
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
    "SignOff",
    "Signed",
    "Subscriber",
    "Undo",
    "Vocabulary",
    "Wait",
    "Watch",
    "Worker",
    "abort",
    "about",
    "always",
    "by_descriptions",
    "by_examples",
    "by_model",
    "by_name",
    "by_rules",
    "cascade",
    "chat_model",
    "checked",
    "classify",
    "effect",
    "escalate",
    "fallback",
    "hand_over",
    "judge_criteria",
    "judge_sources",
    "late_results",
    "numbered",
    "once",
    "over",
    "people",
    "per_million",
    "precedence",
    "proposed",
    "replan",
    "retry",
    "reversible",
    "says",
    "strictest",
    "tuned",
    "vote",
    "within",
]
