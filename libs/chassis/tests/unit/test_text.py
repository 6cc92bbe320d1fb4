"""What a name may hold: the rule, written a second time from Unicode's own tables."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chassis.errors import Reason
from chassis.errors.refused import Refused
from chassis.text import are_names, are_values, check_name, name_fault, value_fault, visible

FORBIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

# Unicode's Default_Ignorable_Code_Point, by first and last, as DerivedCoreProperties.txt of Unicode 15.0 lists it.
IGNORABLE = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
UNSEEN = frozenset(chr(point) for first, last in IGNORABLE for point in range(first, last + 1)) | {"\u2800"}

# Mostly what is near the rule's edges; and any character at all.
CHARACTERS = (
    st.sampled_from(
        "aé|=\u0301\u0338\u00a0\u3000\u2009\ufe0f\ue000\ufdd0\U0001ffff\u0345\u3164\u2800"
        " \u200b\ufeff\u00ad\u2028\x1b\ud800\u212b"
    )
    | st.characters()
)
TEXTS = st.text(CHARACTERS, max_size=6)


def is_no_character(point: int) -> bool:
    """Unicode's 66 noncharacters."""
    return 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE


def is_sound(text: str) -> bool:
    """The rule as docs/text.md has it."""
    return (
        FORBIDDEN.isdisjoint(map(unicodedata.category, text))
        and UNSEEN.isdisjoint(text)
        and not any(unicodedata.category(character) == "Co" or is_no_character(ord(character)) for character in text)
        and not (text and unicodedata.category(text[0]).startswith("M"))
        and all(character in " \u3000" for character in text if unicodedata.category(character) == "Zs")
        and unicodedata.normalize("NFC", text) == text
        and not (text[:1].isspace() or text[-1:].isspace())
    )


@given(TEXTS)
def test_what_is_refused_is_what_the_rule_says(text: str) -> None:
    assert (name_fault(text) is None) == is_sound(text)


@given(st.lists(TEXTS, max_size=5))
@example(["a", "\u0301"])
@example(["=", "\u0338"])
@example(["", " ", ""])
def test_many_texts_together_are_judged_as_each_alone(texts: list[str]) -> None:
    assert are_names(texts) == all(name_fault(text) is None for text in texts)
    assert are_values(texts) == all(value_fault(text) is None for text in texts)


def test_each_format_character_of_unicode_is_refused() -> None:
    formats = [chr(point) for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point)) == "Cf"]

    assert len(formats) > 150
    assert [character for character in formats if name_fault(f"a{character}b") is None] == []
    assert [character for character in formats if value_fault(character) is not None] == []


def test_no_character_that_a_font_may_leave_out_is_in_a_name() -> None:
    assert [character for character in UNSEEN if name_fault(f"a{character}b") is None] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\ufeffx1", "holds U+FEFF ZERO WIDTH NO-BREAK SPACE at character 1; remove it"),
        ("ab\u200b", "holds U+200B ZERO WIDTH SPACE at character 3; remove it"),
        ("a\0", "holds U+0000 CONTROL CHARACTER at character 2; remove it"),
        ("\ud800", "holds U+D800 HALF A SURROGATE PAIR at character 1; remove it"),
        ("r-cust ", "ends with white space; remove it"),
        ("a\u00a0b", "holds U+00A0 NO-BREAK SPACE at character 2; write an ordinary space"),
        ("c\ufe0f", "holds U+FE0F VARIATION SELECTOR-16 at character 2; remove it"),
        ("\ufdd0", "holds U+FDD0 at character 1; remove it"),
        ("\ue000", "holds U+E000 at character 1; remove it"),
        (
            "\u0301a",
            "begins with U+0301 COMBINING ACUTE ACCENT, which belongs on a letter; put one before it, or remove it",
        ),
        ("\u3164", "holds U+3164 HANGUL FILLER at character 1; remove it"),
        ("\u3000x", "begins with white space; remove it"),
        ("x\u3000", "ends with white space; remove it"),
        (
            "Zoe\u0308",
            "must be in Unicode's form NFC, with U+00EB LATIN SMALL LETTER E WITH DIAERESIS at character 3",
        ),
        (
            "\u212bngstrom",
            "must be in Unicode's form NFC, with U+00C5 LATIN CAPITAL LETTER A WITH RING ABOVE at character 1",
        ),
    ],
)
def test_a_fault_names_the_character_and_its_place(text: str, message: str) -> None:
    with pytest.raises(Refused) as caught:
        check_name("id", text)

    assert (caught.value.field, caught.value.reason, caught.value.text) == ("id", Reason.TEXT_INVALID, message)


@pytest.mark.parametrize("text", ["", "Zoë", "名前", "a b", "山田\u3000商店", "🙂", "a:100:b"])
def test_what_can_be_seen_is_no_fault(text: str) -> None:
    assert check_name("id", text) == text


@given(TEXTS)
def test_what_is_repeated_holds_nothing_that_is_forbidden(text: str) -> None:
    assert FORBIDDEN.isdisjoint(map(unicodedata.category, visible(text)))
    assert UNSEEN.isdisjoint(visible(text))
