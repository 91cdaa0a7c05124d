"""Write a report for its readers: terminal, script, CI, pull request, browser, notebook."""

from quintet.evals.reports.junit import junit
from quintet.evals.reports.markdown import markdown
from quintet.evals.reports.page import page
from quintet.evals.reports.terminal import show, text

__all__ = [
    "junit",
    "markdown",
    "page",
    "show",
    "text",
]
