"""Logos: a PNG that was taken apart and put together again, so that it holds an image and nothing else."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGO_BYTES_MAX: Final = 128 * 1024
LOGO_PIXELS_MAX: Final = 1024
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_KEPT: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_HEADER_BYTES: Final = 13
_CHUNK_FRAME_BYTES: Final = 12


def clean_png(image: bytes) -> bytes:
    """Return the image with the chunks that draw it: no text, no profile, nothing behind its end. Raises Refused."""
    if len(image) > LOGO_BYTES_MAX:
        raise _refused(f"has {len(image)} bytes; use an image of at most {LOGO_BYTES_MAX}")
    if not image.startswith(_SIGNATURE):
        raise _refused("is no PNG; save the logo as one")
    chunks = list(_chunks(image[len(_SIGNATURE) :]))
    kinds = [kind for kind, _ in chunks]
    if not kinds or kinds[0] != b"IHDR" or kinds[-1] != b"IEND" or kinds.count(b"IHDR") != 1 or b"IDAT" not in kinds:
        raise _refused("is no whole PNG; save it again")
    header = chunks[0][1]
    if len(header) != _HEADER_BYTES:
        raise _refused("is no whole PNG; save it again")
    width, height = struct.unpack(">II", header[:8])
    if not (0 < width <= LOGO_PIXELS_MAX and 0 < height <= LOGO_PIXELS_MAX):
        raise _refused(f"is {width} by {height} pixels; use at most {LOGO_PIXELS_MAX} by {LOGO_PIXELS_MAX}")
    return _SIGNATURE + b"".join(_framed(kind, data) for kind, data in chunks if kind in _KEPT)


def _chunks(rest: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each chunk up to the end of the image."""
    while len(rest) >= _CHUNK_FRAME_BYTES:
        (length,) = struct.unpack(">I", rest[:4])
        kind, data, check = rest[4:8], rest[8 : 8 + length], rest[8 + length : 12 + length]
        if check != struct.pack(">I", zlib.crc32(kind + data)):
            raise _refused("is damaged; save it again")
        yield kind, data
        if kind == b"IEND":
            return
        rest = rest[12 + length :]


def _framed(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _refused(text: str) -> Refused:
    return Refused("logo_png", Reason.FIELD_INVALID, text)
