r"""Which texts may name something, for every door alike (docs/text.md), and which may be a value.

Names are compared bytewise and never changed. So what the eye can't tell apart must be kept out: an id with a character
that nobody sees is another id, and its event is billed twice. This module is pure.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# They break terminals and logs; Postgres can't keep the first, and UTF-8 none of the last, half surrogate pairs.
_CONTROLS: Final = "\x00-\x1f\x7f-\x9f\ud800-\udfff"
_LINE_ENDS: Final = "\u2028\u2029"
# Unicode's category Cf, spelled out: a text must not become wrong or right by another version of Python.
_FORMATS: Final = (
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
)
# What Unicode lets a font leave out (Default_Ignorable_Code_Point) beyond Cf, such as fillers and variation selectors,
# and the Braille pattern without a dot.
_UNSEEN: Final = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff"
)
# Characters that Unicode leaves to others, or to nobody: what they look like, if anything, is up to a font.
_UNASSIGNED: Final = "\ue000-\uf8ff\ufdd0-\ufdef\U000f0000-\U0010ffff" + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0xF0000, 0x10000)
)
# Each looks like a space of the keyboard, or like none. The wide space of Chinese and Japanese does not.
_SPACES: Final = "\u00a0\u1680\u2000-\u200a\u202f\u205f"
_NOT_IN_VALUES: Final = re.compile(f"[{_CONTROLS}]")
_NOT_IN_NAMES: Final = re.compile(f"[{_CONTROLS}{_LINE_ENDS}{_FORMATS}{_UNSEEN}{_UNASSIGNED}{_SPACES}]")
_REPLACEMENT: Final = "\ufffd"
_NAMELESS: Final = {"Cc": "CONTROL CHARACTER", "Cs": "HALF A SURROGATE PAIR"}


def name_fault(text: str) -> str | None:
    """Say what is wrong with a text that names something, in words that follow its field; None if it is sound.

    An empty text is sound: whether one may be left out is another question.
    """
    fault = _held(_NOT_IN_NAMES, text) or _composition_fault(text)
    if fault is not None:
        return fault
    if _begins_with_a_mark(text):
        return f"begins with {_called(text[0])}, which belongs on a letter; put one before it, or remove it"
    if text.strip() == text:
        return None
    return "begins with white space; remove it" if text[0].isspace() else "ends with white space; remove it"


def value_fault(text: str) -> str | None:
    """Say what is wrong with a text that is data, such as a property's value: it may be anything but controls."""
    return _held(_NOT_IN_VALUES, text)


def are_names(texts: Sequence[str]) -> bool:
    """Whether `name_fault` finds nothing in any of many texts, by a few looks at all of them together."""
    # A bar composes with nothing, so that the whole is in NFC exactly if each part is.
    joined = "|".join(texts)
    if joined.isascii():
        return joined.isprintable() and (" " not in joined or list(map(str.strip, texts)) == list(texts))
    if _NOT_IN_NAMES.search(joined) or any(map(_begins_with_a_mark, texts)):
        return False
    return unicodedata.is_normalized("NFC", joined) and list(map(str.strip, texts)) == list(texts)


def are_values(texts: Sequence[str]) -> bool:
    """Whether `value_fault` finds nothing in any of many texts."""
    joined = "".join(texts)
    return joined.isprintable() or _NOT_IN_VALUES.search(joined) is None


def check_name(field: str, text: str) -> str:
    """Return `text` back if it may name something. Raises Refused TEXT_INVALID."""
    fault = name_fault(text)
    if fault is not None:
        raise Refused(field, Reason.TEXT_INVALID, fault)
    return text


def looked_at(text: str) -> str:
    """Return the same text for names that the eye may take for one another: letters in one width, ligatures apart.

    It is Unicode's form NFKC, to compare by and never to keep. Alphabets are not told apart, nor is case.
    """
    return unicodedata.normalize("NFKC", text)


def visible(text: str) -> str:
    """Make any text safe to repeat: what no name may hold is replaced."""
    return _NOT_IN_NAMES.sub(_REPLACEMENT, text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def escaped(text: str, escape: Callable[[str], str] = _escape) -> str:
    r"""Show what no name may hold as an escape, such as `\x1b` or `\u202e`, on a screen; line ends and tabs stay."""
    return _NOT_IN_NAMES.sub(lambda found: found[0] if found[0] in "\n\t" else escape(found[0]), text)


def _held(forbidden: re.Pattern[str], text: str) -> str | None:
    # What is forbidden in ASCII is just what is unprintable there, which is far cheaper to see.
    found = None if text.isascii() and text.isprintable() else forbidden.search(text)
    if found is None:
        return None
    remedy = "write an ordinary space" if unicodedata.category(found[0]) == "Zs" else "remove it"
    return f"holds {_called(found[0])} at character {found.start() + 1}; {remedy}"


def _begins_with_a_mark(text: str) -> bool:
    return not text[:1].isascii() and unicodedata.category(text[0]).startswith("M")


def _composition_fault(text: str) -> str | None:
    if unicodedata.is_normalized("NFC", text):
        return None
    composed = unicodedata.normalize("NFC", text)
    pairs = enumerate(zip(text, composed, strict=False))
    place = next(place for place, (sent, meant) in pairs if sent != meant)
    return f"must be in Unicode's form NFC, with {_called(composed[place])} at character {place + 1}"


def _called(character: str) -> str:
    name = unicodedata.name(character, None) or _NAMELESS.get(unicodedata.category(character), "")
    return f"U+{ord(character):04X} {name}".rstrip()
