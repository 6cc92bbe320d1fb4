from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.contrast import INK, READABLE, WHITE, Colour, colour_of, contrast, ink_on, mended, text_of

COLOURS = st.tuples(*[st.integers(0, 255)] * 3)
BLACK: Colour = (0, 0, 0)


def exact_luminance(colour: Colour) -> Decimal:
    """The definition of WCAG once more, in decimals of fifty digits."""
    with localcontext() as context:
        context.prec = 50
        linear = []
        for part in colour:
            value = Decimal(part) / 255
            is_dark = value <= Decimal("0.04045")
            linear.append(
                value / Decimal("12.92")
                if is_dark
                else ((value + Decimal("0.055")) / Decimal("1.055")) ** Decimal("2.4")
            )
        return sum(
            (one * Decimal(w) for one, w in zip(linear, ("0.2126", "0.7152", "0.0722"), strict=True)), Decimal(0)
        )


@given(COLOURS, COLOURS)
def test_the_ratio_is_that_of_the_definition(one: Colour, other: Colour) -> None:
    darker, lighter = sorted((exact_luminance(one), exact_luminance(other)))

    expected = (lighter + Decimal("0.05")) / (darker + Decimal("0.05"))

    assert contrast(one, other) == pytest.approx(float(expected), rel=1e-12)
    assert contrast(one, other) == contrast(other, one)


def test_black_on_white_has_the_greatest_ratio_and_a_known_grey_just_passes() -> None:
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast((0x77, 0x77, 0x77), WHITE) < READABLE < contrast((0x76, 0x76, 0x76), WHITE)


@given(COLOURS, st.sampled_from([WHITE, INK]))
def test_a_mended_colour_can_be_read_and_one_that_could_be_stays(colour: Colour, surface: Colour) -> None:
    better = mended(colour, surface)

    assert contrast(better, surface) >= READABLE
    if contrast(colour, surface) >= READABLE:
        assert better == colour


@given(COLOURS)
def test_the_ink_is_the_one_that_can_be_read_better(colour: Colour) -> None:
    assert contrast(colour, ink_on(colour)) == max(contrast(colour, WHITE), contrast(colour, INK))


@given(COLOURS)
def test_a_colour_is_written_as_it_is_read(colour: Colour) -> None:
    assert colour_of(text_of(colour)) == colour


@pytest.mark.parametrize("text", ["", "#fff", "#2A5BD7", "red", "#2a5bd7 ", "#2a5bd7;}", "url(x)", "#2a5bdé"])
def test_what_is_no_colour_is_not_read(text: str) -> None:
    assert colour_of(text) is None
