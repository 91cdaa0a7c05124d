"""Every error that Quintet raises, in one tree.

QuintetError
├── DesignError         (ValueError)       parts that do not fit together; raised at construction
├── MissingExtra        (ImportError)      an optional dependency is not installed
├── CheckpointerError   (ValueError)       a checkpointer that cannot be opened
├── UnknownRoute        (LookupError)      a choice outside the router's map of targets
├── ContractBroken      (ValueError)       context missing before, or wrong on return
│   ├── CriterionFailed                    a criterion that raised in place of judging
│   └── PersonNeeded                       the contract's own condition for a person is met
├── ToolRefused         (PermissionError)  a tool that the contract does not list
├── ActionRefused       (PermissionError)  an effect that its own rule does not allow at all
├── ApprovalMissing     (PermissionError)  an effect without the approval that its gate asks for
├── EffectRepeated      (RuntimeError)     the same effect a second time in one thread
├── EffectUnknown       (RuntimeError)     an effect that was begun and whose end is not known
├── AttemptEnded        (RuntimeError)     an effect or tool after its attempt had ended
├── BudgetExhausted     (RuntimeError)     a limit of the budget is reached
│   └── HandoffLoop                        control was passed on too often; the cycle is named
├── StepFailed          (RuntimeError)     in `failure`: a failed step, with its typed record
└── RunError            (RuntimeError)     a run that cannot be moved as asked
    ├── NoSuchRun       (LookupError)
    ├── ThreadHeld                         somebody else moves this thread now
    └── AnswerRefused   (ValueError)
"""

from __future__ import annotations


class QuintetError(Exception):
    """The root of all errors that Quintet raises."""


class DesignError(QuintetError, ValueError):
    """Parts that do not fit together, found when they are put together."""


class MissingExtra(QuintetError, ImportError):
    """An optional dependency that is needed here is not installed."""


class CheckpointerError(QuintetError, ValueError):
    """A checkpointer URL that is wrong, or a store that cannot be opened."""


class UnknownRoute(QuintetError, LookupError):
    """A chooser named a target that the router's map does not hold."""


class ContractBroken(QuintetError, ValueError):
    """A handoff that breaks its contract.

    Attributes:
        side: `"needs"` before dispatch; `"gives"`, `"success"` or `"criterion"` on return.
    """

    def __init__(self, message: str, *, side: str = "gives") -> None:
        super().__init__(message)
        self.side = side


class CriterionFailed(ContractBroken):
    """A criterion raised in place of judging; `__cause__` is its error, not the agent's."""

    def __init__(self, message: str) -> None:
        super().__init__(message, side="criterion")


class PersonNeeded(ContractBroken):
    """A contract's `escalate` condition is met: a person must take over, whatever the remedies."""

    def __init__(self, message: str) -> None:
        super().__init__(message, side="escalate")


class ToolRefused(QuintetError, PermissionError):
    """A tool call outside the contract's list."""


class ActionRefused(QuintetError, PermissionError):
    """An effect that its own `allow` rule refuses, whoever approves it.

    Attributes:
        reason: what the rule said.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


class ApprovalMissing(QuintetError, PermissionError):
    """An effect whose gate wants an approval that is absent, expired or for another action."""


class EffectRepeated(QuintetError, RuntimeError):
    """The same effect was asked for a second time in one thread."""


class EffectUnknown(QuintetError, RuntimeError):
    """An effect was begun and nobody knows whether it happened: a person must look."""


class AttemptEnded(QuintetError, RuntimeError):
    """An effect or a tool was called after its attempt had ended: it is not run."""


class BudgetExhausted(QuintetError, RuntimeError):
    """A limit of the budget is reached; the message names the limit and what was spent."""


class HandoffLoop(BudgetExhausted):
    """Control was passed on more often than allowed; the message names the cycle."""


class RunError(QuintetError, RuntimeError):
    """A run that cannot be started, resumed or answered in the way that was asked."""


class NoSuchRun(RunError, LookupError):
    """No run is stored under this thread."""


class ThreadHeld(RunError):
    """Somebody else moves this thread now: start, resume or answer when they are done."""


class AnswerRefused(RunError, ValueError):
    """An answer that is stale, misdirected, expired or malformed; the gate stays open."""
