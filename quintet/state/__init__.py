"""Define the state of a run: contracts, plans, budgets, records, channels, checkpointers."""

from quintet.errors import (
    ActionRefused,
    AnswerRefused,
    ApprovalMissing,
    AttemptEnded,
    BudgetExhausted,
    CheckpointerError,
    ContractBroken,
    CriterionFailed,
    DesignError,
    EffectRepeated,
    EffectUnknown,
    HandoffLoop,
    MissingExtra,
    NoSuchRun,
    PersonNeeded,
    QuintetError,
    RunError,
    ThreadHeld,
    ToolRefused,
    UnknownRoute,
)
from quintet.state.action import Action, Approval
from quintet.state.budget import Budget, Spending, add_spending
from quintet.state.channels import Actions, Ending, Keyed, Latest, Log, Results, Totals
from quintet.state.checkpointer import checkpointer, threads
from quintet.state.contract import Contract
from quintet.state.decision import Decision
from quintet.state.failure import Failure, StepFailed
from quintet.state.fragments import (
    Decided,
    Ended,
    Merged,
    OrchestrationState,
    Planned,
    Recovered,
    Routed,
    Worked,
)
from quintet.state.journal import Claim, Journal, MemoryJournal
from quintet.state.outcome import Outcome
from quintet.state.plan import Plan, Step
from quintet.state.record import digest, plain
from quintet.state.run import RunChannel, run_of
from quintet.state.verdict import Unmet, unmet

__all__ = [
    "Action",
    "ActionRefused",
    "Actions",
    "AnswerRefused",
    "Approval",
    "ApprovalMissing",
    "AttemptEnded",
    "Budget",
    "BudgetExhausted",
    "CheckpointerError",
    "Claim",
    "Contract",
    "ContractBroken",
    "CriterionFailed",
    "Decided",
    "Decision",
    "DesignError",
    "EffectRepeated",
    "EffectUnknown",
    "Ended",
    "Ending",
    "Failure",
    "HandoffLoop",
    "Journal",
    "Keyed",
    "Latest",
    "Log",
    "MemoryJournal",
    "Merged",
    "MissingExtra",
    "NoSuchRun",
    "OrchestrationState",
    "Outcome",
    "PersonNeeded",
    "Plan",
    "Planned",
    "QuintetError",
    "Recovered",
    "Results",
    "Routed",
    "RunChannel",
    "RunError",
    "Spending",
    "Step",
    "StepFailed",
    "ThreadHeld",
    "ToolRefused",
    "Totals",
    "UnknownRoute",
    "Unmet",
    "Worked",
    "add_spending",
    "checkpointer",
    "digest",
    "plain",
    "run_of",
    "threads",
    "unmet",
]
