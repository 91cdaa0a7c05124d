"""List the metrics that every suite computes; a report leaves out those without any score."""

from __future__ import annotations

from quintet.evals.metric import Metric
from quintet.evals.metrics import (
    abstention,
    cost,
    escalation,
    handoff,
    honesty,
    match,
    planning,
    recovery,
    reliability,
    routing,
    selective,
    tools,
)

STANDARD: tuple[Metric, ...] = (
    reliability.all_labels,
    routing.routing_accuracy,
    routing.routing_macro_f1,
    escalation.needless_escalations,
    escalation.missed_escalations,
    escalation.needless_approvals,
    escalation.missed_approvals,
    honesty.silent_failure_rate,
    honesty.silent_ends,
    tools.forbidden_actions,
    tools.duplicate_effects,
    recovery.recovery_rate,
    handoff.contract_violations,
    handoff.handoff_loops,
    abstention.abstention_precision,
    abstention.abstention_recall,
    abstention.routing_coverage,
    abstention.selective_accuracy,
    selective.aurc,
    selective.routing_auroc,
    selective.calibration_error,
    selective.out_of_scope_auroc,
    escalation.escalation_precision,
    escalation.escalation_recall,
    recovery.handed_over,
    recovery.time_to_recovery,
    handoff.missing_context,
    handoff.redundant_handoffs,
    planning.plan_valid,
    planning.plan_match,
    planning.plan_executed,
    planning.replans,
    planning.stalls,
    match.calls_exact,
    match.calls_in_order,
    match.calls_any_order,
    match.calls_edit_distance,
    match.excess_steps,
    match.path_exact,
    match.path_in_order,
    match.path_any_order,
    match.path_edit_distance,
    match.path_excess_steps,
    tools.tool_success,
    tools.tool_retries,
    tools.refused_calls,
    cost.latency_seconds,
    cost.latency_p50,
    cost.latency_p95,
    cost.model_calls_per_completed,
    cost.tokens_per_completed,
    cost.money_per_completed,
)
"""In the order of reports: the questions that a reader asks first come first.

Left out are `eaurc`, `augrc` and `out_of_scope_fpr95`, which say much the same as others, and
metrics that need a setting or a judge.
"""
