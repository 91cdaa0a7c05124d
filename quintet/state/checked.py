"""Hold what a tool returns against its source, before the agent gets it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from quintet.errors import ContractBroken, DesignError
from quintet.state.contract import tool_name
from quintet.state.verdict import Criterion, check_answers, is_async, why_not


@dataclass(frozen=True, kw_only=True)
class Checks:
    """The tool within a checked tool, and the criteria on what it returns."""

    tool: Callable[..., Any]
    criteria: tuple[Criterion[...], ...]
    signature: inspect.Signature = field(repr=False)

    def judged(self, result: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Return the result where all criteria hold.

        Raises:
            ContractBroken: one does not; it says which and why.
        """
        arguments = self.signature.bind(*args, **kwargs).arguments
        for criterion in self.criteria:
            if (reason := why_not(criterion(arguments, result), criterion)) is not None:
                name = getattr(criterion, "__name__", type(criterion).__name__)
                raise ContractBroken(
                    f"{tool_name(self.tool)} returned what {name} refuses: {reason}"
                )
        return result


def checked(tool: Callable[..., Any], *criteria: Criterion[...]) -> Callable[..., Any]:
    """Give a tool whose result is held against its source before the agent gets it.

    A stale copy, somebody else's record or a garbled number is refused where it comes in; the step
    has then failed, and the recovery policy decides, as for any other failure.

    Contract(..., tools=(checked(look_up, belongs_to("customer_id", whose="customer_id")),))

    Args:
        tool: a function, plain or async.
        criteria: functions of the call's arguments, by name, and its result; those of
            `quintet.state` fit: `as_recorded`, `belongs_to`, `fresh`, `grounded_in`.

    Raises:
        DesignError: no criteria, one that is async, or a tool that is no function.
    """
    if not inspect.isroutine(tool):
        raise DesignError(f"checked({tool!r:.60}): give a function")
    if not criteria or not all(map(callable, criteria)):
        raise DesignError(f"checked({tool_name(tool)}): give one criterion or more, as functions")
    check_answers(f"checked({tool_name(tool)})", *criteria)
    checks = Checks(tool=tool, criteria=criteria, signature=inspect.signature(tool))
    if is_async(tool):

        @wraps(tool)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return checks.judged(await tool(*args, **kwargs), args, kwargs)

        awaited.__checks__ = checks  # type: ignore[attr-defined]
        return awaited

    @wraps(tool)
    def called(*args: Any, **kwargs: Any) -> Any:
        return checks.judged(tool(*args, **kwargs), args, kwargs)

    called.__checks__ = checks  # type: ignore[attr-defined]
    return called


def checks_of(tool: Any) -> Checks | None:
    """Return the checks of a checked tool, None of any other."""
    found = getattr(tool, "__checks__", None)
    return found if isinstance(found, Checks) else None
