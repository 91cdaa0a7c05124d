"""Measure an orchestration; each metric gives its definition in `about`."""

from quintet.evals.metrics.abstention import (
    abstention_metrics,
    abstention_precision,
    abstention_recall,
    routing_coverage,
    selective_accuracy,
)
from quintet.evals.metrics.confusion import confusion
from quintet.evals.metrics.cost import (
    latency_p50,
    latency_p95,
    latency_seconds,
    model_calls_per_completed,
    money_per_completed,
    tokens_per_completed,
)
from quintet.evals.metrics.escalation import (
    escalation_precision,
    escalation_recall,
    missed_approvals,
    missed_escalations,
    needless_approvals,
    needless_escalations,
)
from quintet.evals.metrics.handoff import (
    contract_violations,
    handoff_loops,
    missing_context,
    redundant_handoffs,
    superfluous_context,
)
from quintet.evals.metrics.honesty import silent_ends, silent_failure_rate, silent_failures
from quintet.evals.metrics.judge import Judge, judged_by, model_judge
from quintet.evals.metrics.match import (
    calls_any_order,
    calls_edit_distance,
    calls_exact,
    calls_in_order,
    excess_steps,
    path_any_order,
    path_edit_distance,
    path_exact,
    path_excess_steps,
    path_in_order,
)
from quintet.evals.metrics.planning import plan_executed, plan_match, plan_valid, replans, stalls
from quintet.evals.metrics.recovery import handed_over, recovery_rate, time_to_recovery
from quintet.evals.metrics.reliability import all_labels, pass_hat_k
from quintet.evals.metrics.routing import routing_accuracy, routing_macro_f1
from quintet.evals.metrics.selective import (
    augrc,
    aurc,
    calibration_error,
    coverage_at_risk,
    eaurc,
    out_of_scope_auroc,
    out_of_scope_fpr95,
    risk_at_coverage,
    router_metrics,
    routing_auroc,
)
from quintet.evals.metrics.slices import slices
from quintet.evals.metrics.standard import STANDARD
from quintet.evals.metrics.tools import (
    duplicate_effects,
    forbidden_actions,
    refused_calls,
    tool_retries,
    tool_success,
)

__all__ = [
    "STANDARD",
    "Judge",
    "abstention_metrics",
    "abstention_precision",
    "abstention_recall",
    "all_labels",
    "augrc",
    "aurc",
    "calibration_error",
    "calls_any_order",
    "calls_edit_distance",
    "calls_exact",
    "calls_in_order",
    "confusion",
    "contract_violations",
    "coverage_at_risk",
    "duplicate_effects",
    "eaurc",
    "escalation_precision",
    "escalation_recall",
    "excess_steps",
    "forbidden_actions",
    "handed_over",
    "handoff_loops",
    "judged_by",
    "latency_p50",
    "latency_p95",
    "latency_seconds",
    "missed_approvals",
    "missed_escalations",
    "missing_context",
    "model_calls_per_completed",
    "model_judge",
    "money_per_completed",
    "needless_approvals",
    "needless_escalations",
    "out_of_scope_auroc",
    "out_of_scope_fpr95",
    "pass_hat_k",
    "path_any_order",
    "path_edit_distance",
    "path_exact",
    "path_excess_steps",
    "path_in_order",
    "plan_executed",
    "plan_match",
    "plan_valid",
    "recovery_rate",
    "redundant_handoffs",
    "refused_calls",
    "replans",
    "risk_at_coverage",
    "router_metrics",
    "routing_accuracy",
    "routing_auroc",
    "routing_coverage",
    "routing_macro_f1",
    "selective_accuracy",
    "silent_ends",
    "silent_failure_rate",
    "silent_failures",
    "slices",
    "stalls",
    "superfluous_context",
    "time_to_recovery",
    "tokens_per_completed",
    "tool_retries",
    "tool_success",
]
