"""How big an expression, and what it computes, may be.

There are no loops, so an expression takes at most as many steps as it has parts, and each step works on numbers and
texts that are bounded here.
"""

from __future__ import annotations

from typing import Final

from money import DERIVED

SOURCE_CHARACTERS_MAX: Final = 4096
"""Longest text that is read as an expression."""
PARTS_MAX: Final = 256
"""Most literals, names, operators and functions of one expression: the most steps that it can take."""
DEPTH_MAX: Final = 32
"""How deep operators and functions may stand within one another."""
LITERAL_CHARACTERS_MAX: Final = 256
"""Longest text, pattern or property key that is written in an expression."""
TEXT_CHARACTERS_MAX: Final = 1024
"""Longest text that may be computed; what would be longer is absent."""
DIGITS_MAX: Final = DERIVED
"""Digits of what is computed on the way; a number with more is absent. What a meter counts has 18 and 18 at most."""
PATTERN_BYTES_MAX: Final = 1 << 19
"""Memory that a compiled pattern may take; 256 of them are kept at most."""
