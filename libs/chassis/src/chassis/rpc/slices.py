"""Parses a large message a part at a time, so that other threads get the interpreter in between.

The parser keeps the interpreter until it is done, which takes several milliseconds for some hundred kilobytes. Parts of
a message one after the other mean the same as the whole, as protobuf defines it, if each is a run of whole fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from google.protobuf.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

Parsed = TypeVar("Parsed", bound=Message)

_SLICE_BYTES: Final = 256 * 1024
"""Takes a millisecond or less; a message that is not larger is parsed whole."""
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED_BYTES: Final = {_FIXED64: 8, _FIXED32: 4}


def parse_in_slices(kind: type[Parsed], data: bytes, slice_bytes: int = _SLICE_BYTES) -> Parsed:
    """Return the message of `kind` that `data` holds. Raises DecodeError."""
    if len(data) <= slice_bytes:
        return kind.FromString(data)
    message = kind()
    for part in _slices(data, slice_bytes):
        message.MergeFromString(part)
    return message


def _slices(data: bytes, slice_bytes: int) -> Iterator[bytes]:
    """Cut `data` between fields. From where it can't be understood, the rest is one slice: the parser will say why."""
    start = place = 0
    try:
        while place < len(data):
            place = _end_of_field(data, place)
            if place - start >= slice_bytes:
                yield data[start:place]
                start = place
    except (IndexError, KeyError):
        pass
    yield data[start:]


def _end_of_field(data: bytes, place: int) -> int:
    """Return where the field that starts at `place` ends, maybe behind the end of `data`."""
    wire_type = data[place] & 7
    place = _end_of_varint(data, place)
    if wire_type == _VARINT:
        return _end_of_varint(data, place)
    if wire_type != _LENGTH_DELIMITED:
        return place + _FIXED_BYTES[wire_type]
    end = _end_of_varint(data, place)
    length = 0
    for byte in reversed(data[place:end]):
        length = length << 7 | byte & 0x7F
    return end + length


def _end_of_varint(data: bytes, place: int) -> int:
    while data[place] & 0x80:
        place += 1
    return place + 1
