"""What a run knows and keeps: contracts, plans, budgets, records, channels, checkpointers."""

from quintet.state.action import Action, Approval
from quintet.state.budget import Budget, Spending, add_spending
from quintet.state.channels import (
    Decided,
    Ended,
    Merged,
    OrchestrationState,
    Planned,
    Recovered,
    Routed,
    Worked,
    count_remedies,
    keep_decisions,
    keep_failures,
    merge_actions,
    merge_results,
)
from quintet.state.checkpointer import checkpointer, threads
from quintet.state.contract import Contract
from quintet.state.decision import Decision
from quintet.state.errors import (
    ActionRefused,
    AnswerRefused,
    ApprovalMissing,
    BudgetExhausted,
    CheckpointerError,
    ContractBroken,
    DesignError,
    EffectRepeated,
    EffectUnknown,
    HandoffLoop,
    MissingExtra,
    NoSuchRun,
    PersonNeeded,
    QuintetError,
    RunError,
    ToolRefused,
    UnknownRoute,
)
from quintet.state.failure import Failure, StepFailed
from quintet.state.ledger import Claim, Ledger, MemoryLedger
from quintet.state.outcome import Outcome
from quintet.state.plan import Plan, Step
from quintet.state.record import digest, plain

__all__ = [
    "Action",
    "ActionRefused",
    "AnswerRefused",
    "Approval",
    "ApprovalMissing",
    "Budget",
    "BudgetExhausted",
    "CheckpointerError",
    "Claim",
    "Contract",
    "ContractBroken",
    "Decided",
    "Decision",
    "DesignError",
    "EffectRepeated",
    "EffectUnknown",
    "Ended",
    "Failure",
    "HandoffLoop",
    "Ledger",
    "MemoryLedger",
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
    "Routed",
    "RunError",
    "Spending",
    "Step",
    "StepFailed",
    "ToolRefused",
    "UnknownRoute",
    "Worked",
    "add_spending",
    "checkpointer",
    "count_remedies",
    "digest",
    "keep_decisions",
    "keep_failures",
    "merge_actions",
    "merge_results",
    "plain",
    "threads",
]
