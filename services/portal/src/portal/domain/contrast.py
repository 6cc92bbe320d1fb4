"""Whether a colour can be read: the contrast ratio of WCAG 2.2, success criterion 1.4.3.

The formulas are those of its definitions of relative luminance and contrast ratio, computed to twenty digits.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, localcontext
from typing import Final

READABLE: Final = Decimal("4.5")
"""Least ratio of text and what it stands on (level AA)."""
_DIGITS: Final = Context(prec=20)
_HEX: Final = re.compile(r"#[0-9a-f]{6}", re.ASCII)
_STEPS: Final = 255
_LINEAR_BELOW: Final = Decimal("0.04045")
_RED, _GREEN, _BLUE = Decimal("0.2126"), Decimal("0.7152"), Decimal("0.0722")
_FLARE: Final = Decimal("0.05")
_HALF: Final = Decimal("0.5")
_GAMMA: Final = Decimal("2.4")

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


def luminance(colour: Colour) -> Decimal:
    """Return the relative luminance: 0 for black, 1 for white."""
    with localcontext(_DIGITS):
        red, green, blue = (_linear(Decimal(part) / _STEPS) for part in colour)
        return _RED * red + _GREEN * green + _BLUE * blue


def contrast(one: Colour, other: Colour) -> Decimal:
    """Return the contrast ratio: 1 for the same colour, 21 for black and white."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    with localcontext(_DIGITS):
        return (lighter + _FLARE) / (darker + _FLARE)


def ink_on(colour: Colour) -> Colour:
    """Return which of white and the portal's dark text can be read better on a colour."""
    return WHITE if contrast(colour, WHITE) >= contrast(colour, INK) else INK


def mended(colour: Colour, against: Colour) -> Colour:
    """Return the first colour on the way from `colour` to black or white that can be read against another."""
    target = 0 if luminance(against) > _HALF else _STEPS
    for step in range(_STEPS + 1):
        red, green, blue = (part + (target - part) * step // _STEPS for part in colour)
        if contrast((red, green, blue), against) >= READABLE:
            return red, green, blue
    return target, target, target


def _linear(part: Decimal) -> Decimal:
    if part <= _LINEAR_BELOW:
        return part / Decimal("12.92")
    return ((part + Decimal("0.055")) / Decimal("1.055")) ** _GAMMA
