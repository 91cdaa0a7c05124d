"""Run a suite through LangSmith's own `aevaluate`, on this machine alone or uploaded.

    report = evaluate_with_langsmith(suite)                            # nothing leaves the machine
    report = evaluate_with_langsmith(suite, upload=Upload(dataset="support"))
    report.url, report.notes                                           # where it is, what was lost

Without an `Upload` no socket is opened, whatever the environment says about tracing. With one, the
server cannot change the result. No other room of `quintet.evals` imports LangSmith. Plain
`evaluate` uploads nothing by itself; where the environment asks for traces
(`LANGSMITH_TRACING=true`), LangChain uploads the graph's runs, as in any other program.
"""

from quintet.evals.langsmith.datasets import pull_cases, push_cases
from quintet.evals.langsmith.experiment import aevaluate_with_langsmith, evaluate_with_langsmith
from quintet.evals.langsmith.offline import OfflineClient
from quintet.evals.langsmith.service import ServiceError
from quintet.evals.langsmith.tracing import annotate, traced
from quintet.evals.langsmith.upload import Upload

__all__ = [
    "OfflineClient",
    "ServiceError",
    "Upload",
    "aevaluate_with_langsmith",
    "annotate",
    "evaluate_with_langsmith",
    "pull_cases",
    "push_cases",
    "traced",
]
