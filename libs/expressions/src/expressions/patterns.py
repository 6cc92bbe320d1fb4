"""Regular expressions that take linear time, whatever the pattern and the text: those of RE2."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import re2

from expressions.limits import PATTERN_BYTES_MAX

_PATTERNS_KEPT: Final = 128


@lru_cache(maxsize=_PATTERNS_KEPT)
def compiled_pattern(pattern: str) -> re2._Regexp:
    """Return a pattern to be searched for. Raises re2.error."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = PATTERN_BYTES_MAX
    return re2.compile(pattern, options)


def matches_whole(pattern: str, text: str) -> bool:
    """Whether a sound pattern matches the whole of a text."""
    return compiled_pattern(pattern).fullmatch(text) is not None


def pattern_fault(pattern: str) -> str | None:
    """Return what is wrong with a pattern; None if nothing is."""
    try:
        compiled_pattern(pattern)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        told = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        return (
            f"the pattern can't be read: {told}; write it in RE2's syntax, which has no look-around or back-references"
        )
    return None
