"""Define the state of a run: contracts, plans, budgets, records, channels, checkpointers."""

from quintet.errors import (
    ActionRefused,
    AnswerRefused,
    ApprovalMissing,
    AttemptEnded,
    BudgetExhausted,
    CheckpointerError,
    CircuitOpen,
    ContractBroken,
    DesignError,
    EffectRepeated,
    EffectUnknown,
    GraphChanged,
    HandoffLoop,
    MissingExtra,
    NoSuchRun,
    PersonNeeded,
    PlanRefused,
    QuintetError,
    RunError,
    RunSuperseded,
    Stopped,
    ThreadHeld,
    ToolRefused,
    UnknownRoute,
)
from quintet.state.action import Action, Approval
from quintet.state.budget import Budget, Spending
from quintet.state.checked import checked
from quintet.state.checkpointer import checkpointer, threads
from quintet.state.contract import Contract
from quintet.state.decision import Decision
from quintet.state.deeds import performed
from quintet.state.event import Event, EventState, deliver
from quintet.state.evidence import Seal, as_recorded, belongs_to, figures, fresh, grounded_in
from quintet.state.failure import Failure, StepFailed
from quintet.state.fragments import (
    ConversationState,
    Decided,
    Ended,
    Merged,
    OrchestrationState,
    Planned,
    Recovered,
    Routed,
    Worked,
)
from quintet.state.journal.entry import Entry, Journal
from quintet.state.log import Log
from quintet.state.messages import Message
from quintet.state.outcome import Outcome
from quintet.state.plan import Plan
from quintet.state.questions import Asked
from quintet.state.record import digest, plain
from quintet.state.run import run_of
from quintet.state.secret import Secret
from quintet.state.step import Step
from quintet.state.verdict import Criterion, Unmet, When, unmet

__all__ = [
    "Action",
    "ActionRefused",
    "AnswerRefused",
    "Approval",
    "ApprovalMissing",
    "Asked",
    "AttemptEnded",
    "Budget",
    "BudgetExhausted",
    "CheckpointerError",
    "CircuitOpen",
    "Contract",
    "ContractBroken",
    "ConversationState",
    "Criterion",
    "Decided",
    "Decision",
    "DesignError",
    "EffectRepeated",
    "EffectUnknown",
    "Ended",
    "Entry",
    "Event",
    "EventState",
    "Failure",
    "GraphChanged",
    "HandoffLoop",
    "Journal",
    "Log",
    "Merged",
    "Message",
    "MissingExtra",
    "NoSuchRun",
    "OrchestrationState",
    "Outcome",
    "PersonNeeded",
    "Plan",
    "PlanRefused",
    "Planned",
    "QuintetError",
    "Recovered",
    "Routed",
    "RunError",
    "RunSuperseded",
    "Seal",
    "Secret",
    "Spending",
    "Step",
    "StepFailed",
    "Stopped",
    "ThreadHeld",
    "ToolRefused",
    "UnknownRoute",
    "Unmet",
    "When",
    "Worked",
    "as_recorded",
    "belongs_to",
    "checked",
    "checkpointer",
    "deliver",
    "digest",
    "figures",
    "fresh",
    "grounded_in",
    "performed",
    "plain",
    "run_of",
    "threads",
    "unmet",
]
