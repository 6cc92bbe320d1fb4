"""Which texts may enter the log, and how a text that may not is shown to people.

Controls break terminals, logs and Postgres texts (NUL); direction overrides make one key look like another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONTROLS: Final = "\x00-\x1f\x7f-\x9f\ud800-\udfff"
_DIRECTIONS: Final = "\u202a-\u202e\u2066-\u2069"
_NOT_IN_VALUES: Final = re.compile(f"[{_CONTROLS}]")
_NOT_IN_KEYS: Final = re.compile(f"[{_CONTROLS}{_DIRECTIONS}]")
_REPLACEMENT: Final = "\ufffd"

ECHO_BYTES_MAX: Final = 128
"""Longest text that is repeated to the caller, in bytes of UTF-8."""


class TextFault(Enum):
    """Why a text is refused."""

    EMPTY = auto()
    TOO_LONG = auto()
    CHARACTERS = auto()


@dataclass(frozen=True, slots=True)
class TextRule:
    """What a field's text must be. `is_key`: it names something, so direction overrides are forbidden as well."""

    bytes_max: int
    required: bool
    is_key: bool = True

    def fault(self, text: str) -> TextFault | None:
        """Say what is wrong with one text, or None."""
        if not text:
            return TextFault.EMPTY if self.required else None
        # Length first: a megabyte of junk is not searched. A lone surrogate can't be encoded, but has a length.
        if utf8_length(text) > self.bytes_max:
            return TextFault.TOO_LONG
        forbidden = _NOT_IN_KEYS if self.is_key else _NOT_IN_VALUES
        return TextFault.CHARACTERS if forbidden.search(text) else None

    def faults(self, texts: Sequence[str]) -> dict[int, TextFault]:
        """Say which of many texts are wrong, by place. Sound texts cost a few nanoseconds a character."""
        if self.are_plain(texts):
            return {}
        return {place: fault for place, text in enumerate(texts) if (fault := self.fault(text)) is not None}

    def are_plain(self, texts: Sequence[str]) -> bool:
        """Whether all are printable ASCII of allowed length, which is nearly always so and is cheap to see."""
        if not texts:
            return True
        joined = "".join(texts)
        if not (joined.isascii() and joined.isprintable()):
            return False
        lengths = list(map(len, texts))
        return max(lengths) <= self.bytes_max and (not self.required or min(lengths) > 0)


def utf8_length(text: str) -> int:
    """Length in bytes of UTF-8; a lone surrogate counts three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def shown(text: str) -> str:
    """Make any text safe to repeat to its sender: shortened, with forbidden characters replaced."""
    return _NOT_IN_KEYS.sub(_REPLACEMENT, shortened(text))


def shortened(text: str) -> str:
    """Cut to ECHO_BYTES_MAX bytes, between characters; lone surrogates are replaced."""
    head = text[:ECHO_BYTES_MAX].encode("utf-8", "surrogatepass")[:ECHO_BYTES_MAX]
    return head.decode("utf-8", "ignore")
