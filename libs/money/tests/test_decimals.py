"""Text to decimal and back: a table of nasty inputs, and the round trip as a law."""

from __future__ import annotations

import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from money import (
    DERIVED,
    INPUT,
    DecimalLimits,
    DecimalProblem,
    InvalidDecimalError,
    exact_arithmetic,
    format_decimal,
    parse_decimal,
    plain_decimal,
)

NOT_PLAIN = DecimalProblem.NOT_PLAIN
TOO_LONG = DecimalProblem.TOO_LONG

NASTY: list[tuple[str, DecimalProblem]] = [
    ("", DecimalProblem.EMPTY),
    (" ", NOT_PLAIN),
    (" 5 ", NOT_PLAIN),
    ("5 ", NOT_PLAIN),
    (" 5", NOT_PLAIN),
    ("5\n", NOT_PLAIN),
    ("\t5", NOT_PLAIN),
    ("5\x00", NOT_PLAIN),
    ("\x005", NOT_PLAIN),
    ("5\u00a0", NOT_PLAIN),
    ("\ufeff5", NOT_PLAIN),
    ("\u202e5", NOT_PLAIN),
    ("NaN", NOT_PLAIN),
    ("nan", NOT_PLAIN),
    ("sNaN", NOT_PLAIN),
    ("NaN123", NOT_PLAIN),
    ("-NaN", NOT_PLAIN),
    ("Infinity", NOT_PLAIN),
    ("-Infinity", NOT_PLAIN),
    ("inf", NOT_PLAIN),
    ("1e400", NOT_PLAIN),
    ("1E2", NOT_PLAIN),
    ("1e-400", NOT_PLAIN),
    ("1e+2", NOT_PLAIN),
    ("0e0", NOT_PLAIN),
    ("1_000", NOT_PLAIN),
    ("1,000", NOT_PLAIN),
    ("1.000,00", NOT_PLAIN),
    ("1'000", NOT_PLAIN),
    ("1 000", NOT_PLAIN),
    ("+5", NOT_PLAIN),
    ("--5", NOT_PLAIN),
    ("-", NOT_PLAIN),
    ("- 5", NOT_PLAIN),
    ("5-", NOT_PLAIN),
    ("(5)", NOT_PLAIN),
    ("\u22125", NOT_PLAIN),
    (".", NOT_PLAIN),
    (".5", NOT_PLAIN),
    ("5.", NOT_PLAIN),
    ("-.5", NOT_PLAIN),
    ("1.2.3", NOT_PLAIN),
    ("1..2", NOT_PLAIN),
    ("00", NOT_PLAIN),
    ("01", NOT_PLAIN),
    ("-01.5", NOT_PLAIN),
    ("0x10", NOT_PLAIN),
    ("0b1", NOT_PLAIN),
    ("0o7", NOT_PLAIN),
    ("1/3", NOT_PLAIN),
    ("$5", NOT_PLAIN),
    ("5%", NOT_PLAIN),
    ("5USD", NOT_PLAIN),
    ("True", NOT_PLAIN),
    ("null", NOT_PLAIN),
    ("\uff15", NOT_PLAIN),
    ("1\uff15", NOT_PLAIN),
    ("\u0665", NOT_PLAIN),
    ("\u096b", NOT_PLAIN),
    ("\u00b2", NOT_PLAIN),
    ("\u2460", NOT_PLAIN),
    ("1.\u0665", NOT_PLAIN),
    ("\ud800", NOT_PLAIN),
    ("1" * 19, DecimalProblem.TOO_MANY_INTEGER_DIGITS),
    ("-" + "9" * 19, DecimalProblem.TOO_MANY_INTEGER_DIGITS),
    ("0." + "1" * 19, DecimalProblem.TOO_MANY_FRACTION_DIGITS),
    ("0." + "0" * 18 + "10", DecimalProblem.TOO_MANY_FRACTION_DIGITS),
    ("1" * 19 + ".000", DecimalProblem.TOO_MANY_INTEGER_DIGITS),
    ("9" * 256, DecimalProblem.TOO_MANY_INTEGER_DIGITS),
    ("9" * 257, TOO_LONG),
    ("0." + "0" * 255, TOO_LONG),
    ("9" * 100_000, TOO_LONG),
    ("0." + "9" * 100_000, TOO_LONG),
    ("1e" + "9" * 50, NOT_PLAIN),
    (" " * 1_000_000, TOO_LONG),
]


@pytest.mark.parametrize(("text", "problem"), NASTY, ids=[ascii(text[:24]) for text, _ in NASTY])
def test_a_nasty_text_is_refused_with_its_problem_and_a_short_safe_message(text: str, problem: DecimalProblem) -> None:
    with pytest.raises(InvalidDecimalError) as caught:
        parse_decimal(text)

    assert caught.value.problem is problem
    assert len(caught.value.message) < 200
    assert caught.value.message.isascii()
    assert caught.value.message.isprintable()


def test_refusing_takes_less_than_a_millisecond_whatever_the_length() -> None:
    texts = [text for text, _ in NASTY]

    best_s = min(_seconds_to_refuse(texts) for _ in range(5))

    assert best_s / len(texts) < 0.001


def _seconds_to_refuse(texts: list[str]) -> float:
    started = time.perf_counter()
    for text in texts:
        with pytest.raises(InvalidDecimalError):
            parse_decimal(text)
    return time.perf_counter() - started


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("0.0", "0"),
        ("1", "1"),
        ("-1", "-1"),
        ("10", "10"),
        ("1.50", "1.5"),
        ("25.00", "25"),
        ("-12.340", "-12.34"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("999999999999999999.999999999999999999", "999999999999999999.999999999999999999"),
        ("-999999999999999999.999999999999999999", "-999999999999999999.999999999999999999"),
        ("2.000000000000000", "2"),
        ("0.002007490000000", "0.00200749"),
        ("-0." + "0" * 200, "0"),
        ("0.0000000000000000010", "0.000000000000000001"),
        ("100." + "0" * 252, "100"),
    ],
)
def test_a_plain_text_is_read_exactly_and_written_canonically(text: str, canonical: str) -> None:
    value = parse_decimal(text)

    assert format_decimal(value) == canonical
    assert not (value.is_zero() and value.is_signed())


def test_a_negative_is_refused_where_only_zero_or_more_is_allowed() -> None:
    with pytest.raises(InvalidDecimalError) as caught:
        parse_decimal("-0.01", allow_negative=False)

    assert caught.value.problem is DecimalProblem.NEGATIVE
    assert parse_decimal("-0", allow_negative=False) == 0


def test_derived_limits_hold_sums_and_products_that_input_limits_refuse() -> None:
    text = "9" * 60 + "." + "9" * 36

    assert format_decimal(parse_decimal(text, DERIVED)) == text
    with pytest.raises(InvalidDecimalError):
        parse_decimal(text, INPUT)


@pytest.mark.parametrize(
    ("value", "places_min", "text"),
    [
        ("1E+3", 0, "1000"),
        ("1E-7", 0, "0.0000001"),
        ("-0", 2, "0.00"),
        ("-0.001", 2, "-0.001"),
        ("5", 2, "5.00"),
        ("5.1000", 2, "5.10"),
        ("0E+50", 0, "0"),
        ("1.2345", 2, "1.2345"),
    ],
)
def test_writing_never_uses_an_exponent_and_pads_only_as_asked(value: str, places_min: int, text: str) -> None:
    assert format_decimal(Decimal(value), places_min=places_min) == text


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+201", "1E-201"])
def test_what_is_no_plain_number_is_not_written(value: str) -> None:
    with pytest.raises(ValueError, match=r"decimal"):
        format_decimal(Decimal(value))


@st.composite
def plain_texts(draw: st.DrawFn, limits: DecimalLimits) -> str:
    whole = draw(st.integers(min_value=0, max_value=10**limits.integer_digits_max - 1))
    fraction = draw(st.text(alphabet="0123456789", max_size=limits.fraction_digits_max))
    sign = draw(st.sampled_from(["", "-"]))
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


@given(plain_texts(INPUT))
def test_reading_what_was_written_gives_the_same_number_and_the_same_text(text: str) -> None:
    value = parse_decimal(text)
    written = format_decimal(value)

    assert value == Decimal(text)
    assert parse_decimal(written) == value
    assert format_decimal(parse_decimal(written)) == written


@given(plain_texts(INPUT), st.integers(0, 200))
def test_zeros_at_the_end_of_a_fraction_change_neither_the_number_nor_its_text(text: str, zeros: int) -> None:
    longer = (text if "." in text else f"{text}.0") + "0" * zeros

    assert Fraction(parse_decimal(longer)) == Fraction(text)
    assert format_decimal(parse_decimal(longer)) == format_decimal(parse_decimal(text))


@given(plain_texts(INPUT), st.integers(1, 2**63), plain_texts(INPUT), plain_texts(INPUT))
def test_whatever_may_be_sent_is_summed_and_priced_exactly_within_the_derived_limits(
    value: str, count: int, price: str, flat: str
) -> None:
    with exact_arithmetic():
        quantity = parse_decimal(format_decimal(parse_decimal(value) * count), DERIVED)
        amount = parse_decimal(format_decimal(quantity * parse_decimal(price) + parse_decimal(flat)), DERIVED)

    assert Fraction(amount) == Fraction(value) * count * Fraction(price) + Fraction(flat)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("3.0E-7", "0.0000003"),
        ("1e3", "1000"),
        ("1E+05", "100000"),
        ("-1.5e-4", "-0.00015"),
        ("+1", "1"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("007", "7"),
        ("-000.50", "-0.5"),
        ("0e999", "0"),
        ("1" + "0" * 200 + "e-200", "1"),
        ("0." + "0" * 100 + "1e101", "1"),
        ("2.000000000000000", "2.000000000000000"),
        ("-0", "-0"),
    ],
)
def test_other_spellings_of_a_number_are_written_plainly_and_a_plain_one_stays(text: str, plain: str) -> None:
    assert plain_decimal(text) == plain
    assert Decimal(plain_decimal(text)) == Decimal(text)


NO_NUMBERS = [" 1", "1,000", "1.000,5", "NaN", "inf", "1_0", "e5", "1e", "1e+", "--1", "0x1", "\uff15", "1 e3", ""]
TOO_MANY_DIGITS = ["3.0E-19", "1e18", "1e9999", "1e-9999", "0e9999", "1e400", "9" * 19, "1." + "1" * 19, "1" * 300]


@pytest.mark.parametrize("text", [*NO_NUMBERS, *TOO_MANY_DIGITS])
def test_what_is_no_number_or_has_too_many_digits_is_not_written_plainly(text: str) -> None:
    with pytest.raises(InvalidDecimalError):
        plain_decimal(text)


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(-17, 17), st.sampled_from("eE"), st.sampled_from(["", "+"]))
def test_scientific_notation_becomes_the_same_number_or_is_refused(units: int, power: int, e: str, plus: str) -> None:
    text = f"{units}{e}{plus if power >= 0 else ''}{power}"
    exact = units * Fraction(10) ** power

    try:
        plain = plain_decimal(text)
    except InvalidDecimalError:
        assert abs(exact) >= 10**18 or (exact * 10**18).denominator != 1
        return

    assert Fraction(parse_decimal(plain)) == exact


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**17), max_value=10**17))
def test_equal_numbers_are_written_with_equal_text(value: Decimal) -> None:
    with exact_arithmetic():
        assert format_decimal(value) == format_decimal(value.normalize()) == format_decimal(value + Decimal("0.000"))


@given(st.text(max_size=40))
def test_any_text_either_reads_as_itself_or_is_refused(text: str) -> None:
    try:
        value = parse_decimal(text)
    except InvalidDecimalError:
        return

    assert text.isascii()
    assert Decimal(format_decimal(value)) == value
