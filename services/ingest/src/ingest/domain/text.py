"""Which texts may enter the log, and how a text that may not is shown to people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chassis.text import are_names, are_values, name_fault, value_fault, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

ECHO_BYTES_MAX: Final = 128
"""Longest text that is repeated to the caller, in bytes of UTF-8."""


@dataclass(frozen=True, slots=True)
class TextFault:
    """Why a text is refused, in words that follow the name of its field."""

    message: str
    is_length: bool = False


EMPTY: Final = TextFault("must not be empty")


@dataclass(frozen=True, slots=True)
class TextRule:
    """What a field's text must be. `is_name`: it names something, so that what the eye can't see is forbidden in it."""

    bytes_max: int
    required: bool
    is_name: bool = True

    def fault(self, text: str) -> TextFault | None:
        """Say what is wrong with one text, or None."""
        if not text:
            return EMPTY if self.required else None
        # Length first: a megabyte of junk is not searched. A lone surrogate can't be encoded, but has a length.
        if utf8_length(text) > self.bytes_max:
            return TextFault(f"must have at most {self.bytes_max} bytes of UTF-8", is_length=True)
        message = name_fault(text) if self.is_name else value_fault(text)
        return None if message is None else TextFault(message)

    def faults(self, texts: Sequence[str]) -> dict[int, TextFault]:
        """Say which of many texts are wrong, by place. Sound texts cost a few nanoseconds a character."""
        if self.are_sound(texts):
            return {}
        return {place: fault for place, text in enumerate(texts) if (fault := self.fault(text)) is not None}

    def are_sound(self, texts: Sequence[str]) -> bool:
        """Whether `fault` finds nothing in any of them, seen at all of them together."""
        if not texts:
            return True
        if self.required and not all(texts):
            return False
        longest = max(map(len, texts))
        # A character has one to four bytes: encoding each text to count them would cost as much as all the rest.
        if self.bytes_max // 4 < longest <= self.bytes_max and not all(map(str.isascii, texts)):
            longest = max(map(utf8_length, texts))
        if longest > self.bytes_max:
            return False
        return are_names(texts) if self.is_name else are_values(texts)


def utf8_length(text: str) -> int:
    """Length in bytes of UTF-8; a lone surrogate counts three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def shown(text: str) -> str:
    """Make any text safe to repeat to its sender: shortened, with forbidden characters replaced."""
    return visible(shortened(text))


def shortened(text: str) -> str:
    """Cut to ECHO_BYTES_MAX bytes, between characters; lone surrogates are replaced."""
    head = text[:ECHO_BYTES_MAX].encode("utf-8", "surrogatepass")[:ECHO_BYTES_MAX]
    return head.decode("utf-8", "ignore")
