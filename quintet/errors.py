"""Define every error that Quintet raises, in one tree.

QuintetError
├── DesignError         (ValueError)       parts that do not fit together; raised at construction
│   └── PlanRefused                        a plan that cannot run; it names every reason
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
├── Stopped             (PermissionError)  a person has stopped this graph, tenant, thread or effect
├── CircuitOpen         (RuntimeError)     a breaker refuses a call to what has failed too often
├── BudgetExhausted     (RuntimeError)     a limit of the budget is reached
│   └── HandoffLoop                        control was passed on too often; the cycle is named
├── StepFailed          (RuntimeError)     in `failure`: a failed step, with its typed record
└── RunError            (RuntimeError)     a run that cannot be moved as asked
    ├── NoSuchRun       (LookupError)
    ├── GraphChanged                       its graph was changed in a way that would harm it
    ├── ThreadHeld                         somebody else moves this thread now
    │   └── RunSuperseded                  somebody else has moved it on, or it is an old checkpoint
    └── AnswerRefused   (ValueError)
"""

from __future__ import annotations


class QuintetError(Exception):
    """Catch this to catch any error of Quintet: all others inherit it."""


class DesignError(QuintetError, ValueError):
    """Raised when parts that do not fit together are put together."""


class PlanRefused(DesignError):
    """Raised when a plan cannot run, or may not.

    Attributes:
        complaints: every reason, each in a sentence.
    """

    def __init__(self, message: str, complaints: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.complaints = complaints or (message,)


class MissingExtra(QuintetError, ImportError):
    """Raised when an optional dependency that is needed here is not installed."""


class CheckpointerError(QuintetError, ValueError):
    """Raised when a checkpointer's URL is wrong, or its store cannot be opened or is closed."""


class UnknownRoute(QuintetError, LookupError):
    """Raised when a chooser names a target that the router's map does not hold."""


class ContractBroken(QuintetError, ValueError):
    """Raised when a handoff breaks its contract.

    Attributes:
        side: the part that is broken: `"needs"` before the agent is called; `"gives"`,
            `"success"`, `"criterion"` or `"escalate"` once it has returned.
    """

    def __init__(self, message: str, *, side: str = "gives") -> None:
        super().__init__(message)
        self.side = side


class CriterionFailed(ContractBroken):
    """Raised when a criterion raises instead of judging; `__cause__` is the criterion's error."""

    def __init__(self, message: str) -> None:
        super().__init__(message, side="criterion")


class PersonNeeded(ContractBroken):
    """Raised when a contract's `escalate` condition is met: no remedy but a person may follow."""

    def __init__(self, message: str) -> None:
        super().__init__(message, side="escalate")


class ToolRefused(QuintetError, PermissionError):
    """Raised when an agent calls a tool that its contract does not list."""


class ActionRefused(QuintetError, PermissionError):
    """Raised when an effect's own `allow` rule refuses an action; no approval overrides it.

    Attributes:
        reason: the rule's reason.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


class ApprovalMissing(QuintetError, PermissionError):
    """Raised when the approval that an effect needs is absent, expired or for another action."""


class EffectRepeated(QuintetError, RuntimeError):
    """Raised when the same effect is asked for a second time in one thread."""


class EffectUnknown(QuintetError, RuntimeError):
    """Raised when an effect was begun and its end is unknown: a person must look."""


class AttemptEnded(QuintetError, RuntimeError):
    """Raised when an effect or a tool is called after its attempt has ended; it is not run."""


class Stopped(QuintetError, PermissionError):
    """Raised when a person has stopped what is about to begin; `release` lets it go on."""


class CircuitOpen(QuintetError, RuntimeError):
    """Raised in place of a call to what has failed too often; the call is not made.

    Attributes:
        name: the breaker's name.
        since: since when it is open, in seconds since the epoch.
        until: when it may be tried again.
        kind: the class of the failure that opened it.
    """

    def __init__(
        self,
        message: str,
        name: str = "",
        since: float = 0.0,
        until: float = 0.0,
        kind: str = "transient",
    ) -> None:
        super().__init__(message)
        self.name, self.since, self.until, self.kind = name, since, until, kind


class BudgetExhausted(QuintetError, RuntimeError):
    """Raised when a limit of the budget is reached; names the limit and the amount spent."""


class HandoffLoop(BudgetExhausted):
    """Raised when control is passed on more often than allowed; names the cycle."""


class RunError(QuintetError, RuntimeError):
    """Raised when a run cannot be started, resumed or answered as asked."""


class NoSuchRun(RunError, LookupError):
    """Raised when no run is stored under this thread."""


class GraphChanged(RunError):
    """Raised when a run would go on with another graph than it was begun with, and be harmed.

    Attributes:
        differences: a line for each node, field, effect or gate that differs.
        migrates: whether a declared migration makes up for them, as soon as the run is resumed.
    """

    def __init__(
        self, message: str, differences: tuple[str, ...] = (), *, migrates: bool = False
    ) -> None:
        super().__init__(message)
        self.differences = differences
        self.migrates = migrates


class ThreadHeld(RunError):
    """Raised when somebody else moves this thread now; try again when they are done."""


class RunSuperseded(ThreadHeld):
    """Raised when a run goes on from a checkpoint that is not its thread's newest."""


class AnswerRefused(RunError, ValueError):
    """Raised when an answer is stale, misdirected, expired or malformed; the gate stays open."""
