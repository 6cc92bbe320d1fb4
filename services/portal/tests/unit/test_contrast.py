from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.domain.contrast import INK, READABLE, WHITE, Colour, colour_of, contrast, ink_on, mended, text_of

COLOURS = st.tuples(*[st.integers(0, 255)] * 3)
BLACK: Colour = (0, 0, 0)


def plain_luminance(colour: Colour) -> float:
    """The definition of WCAG once more, in floats."""
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@given(COLOURS, COLOURS)
def test_the_ratio_is_that_of_the_definition(one: Colour, other: Colour) -> None:
    darker, lighter = sorted((plain_luminance(one), plain_luminance(other)))

    assert float(contrast(one, other)) == pytest.approx((lighter + 0.05) / (darker + 0.05), rel=1e-9)
    assert contrast(one, other) == contrast(other, one)


def test_black_on_white_has_the_greatest_ratio_and_a_known_grey_just_passes() -> None:
    assert contrast(BLACK, WHITE) == 21
    assert contrast((0x77, 0x77, 0x77), WHITE) < READABLE < contrast((0x76, 0x76, 0x76), WHITE)


@settings(max_examples=20)
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
