"""Writes docs/errors.md from the reasons in the code; `--check` fails if the file differs from what it would write."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from chassis.errors import Reason
from chassis.errors.status import STATUS_CODES
from generated import write_or_check

TARGET: Final = Path(__file__).parent.parent / "docs" / "errors.md"

_HEAD: Final = """\
# Errors

This page is generated from `chassis.errors.reasons` by `make docs`; a test keeps it up to date.

A failed call has a gRPC status code. Its google.rpc details are an `ErrorInfo` with a stable `reason` (domain
`meterline`), a `BadRequest` that names each field at fault, and a `RetryInfo` where waiting helps. In code, branch on
the reason, never on the text.

RESOURCE_EXHAUSTED has two meanings. With a `RetryInfo`, the service is overloaded: retry after the delay. Without one,
the request is too big: don't retry it. After UNAVAILABLE or DEADLINE_EXCEEDED you don't know whether the call took
effect: repeat it with the same ids, which is safe.

## Kinds of errors
"""


def render() -> str:
    """Return the text of the document."""
    kinds = [f"| `{kind.__name__}` | {code.name} |" for kind, code in STATUS_CODES.items()]
    reasons = [f"| `{reason.value}` | {reason.meaning} | {reason.remedy} |" for reason in Reason]
    return "\n".join(
        [
            _HEAD,
            "| error | status |",
            "| --- | --- |",
            *kinds,
            "",
            "## Reasons",
            "",
            "| reason | what it means | what to do |",
            "| --- | --- | --- |",
            *reasons,
            "",
            "## Exit codes of the command line",
            "",
            "| code | meaning |",
            "| --- | --- |",
            *(f"| {code} | {meaning} |" for code, meaning in enumerate(_EXIT_CODES)),
            "",
        ]
    )


_EXIT_CODES: Final = (
    "done",
    "a defect in Meterline (INTERNAL); the message has a correlation id for the logs",
    "wrong usage, or an input file that can't be used",
    "refused by a service",
    "not ready yet; ask again",
    "a service can't be reached, is overloaded, or took too long",
    "the token is missing, has expired, or does not allow the call",
    "reported, but some events were refused or in conflict",
    "the suite could not start",
)


if __name__ == "__main__":
    raise SystemExit(write_or_check(TARGET, render(), "the code"))
