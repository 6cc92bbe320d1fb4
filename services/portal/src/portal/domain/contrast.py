"""Whether a colour can be read: the contrast ratio of WCAG 2.2, success criteria 1.4.3 and 1.4.11.

The formulas are those of its definitions of relative luminance and contrast ratio. Colours are for screens, so floats
do here what no quantity or amount may do.
"""

from __future__ import annotations

import re
from typing import Final

READABLE: Final = 4.5
"""Least ratio of text and what it stands on (level AA)."""
_HEX: Final = re.compile(r"#[0-9a-f]{6}", re.ASCII)
_STEPS: Final = 255
_LINEAR_BELOW: Final = 0.04045

Colour = tuple[int, int, int]
WHITE: Final[Colour] = (255, 255, 255)
INK: Final[Colour] = (20, 24, 31)
"""Dark text of the portal."""


def colour_of(text: str) -> Colour | None:
    """Return red, green and blue of a colour such as `#2a5bd7`, or None if it is written in any other way."""
    if not _HEX.fullmatch(text):
        return None
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def text_of(colour: Colour) -> str:
    """Return a colour as `#2a5bd7`."""
    return "#" + "".join(f"{part:02x}" for part in colour)


def luminance(colour: Colour) -> float:
    """Return the relative luminance: 0 for black, 1 for white."""
    red, green, blue = (_linear(part / _STEPS) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio: 1 for the same colour, 21 for black and white."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(colour: Colour) -> Colour:
    """Return which of white and the portal's dark text can be read better on a colour."""
    return WHITE if contrast(colour, WHITE) >= contrast(colour, INK) else INK


def mended(colour: Colour, against: Colour) -> Colour:
    """Return the colour nearest to `colour`, on the way to black or white, that can be read against another."""
    target = 0 if luminance(against) > luminance(colour) or luminance(against) > 0.5 else _STEPS  # noqa: PLR2004
    for step in range(_STEPS + 1):
        tried = tuple(part + (target - part) * step // _STEPS for part in colour)
        candidate = (tried[0], tried[1], tried[2])
        if contrast(candidate, against) >= READABLE:
            return candidate
    return (target, target, target)


def _linear(part: float) -> float:
    return part / 12.92 if part <= _LINEAR_BELOW else ((part + 0.055) / 1.055) ** 2.4
