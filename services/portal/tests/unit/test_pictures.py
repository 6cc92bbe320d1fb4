from __future__ import annotations

import struct
import zlib

import pytest

from chassis.errors.refused import Refused
from portal.domain.pictures import LOGO_BYTES_MAX, clean_png

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*extra: bytes, width: int = 2, height: int = 2) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + b"\x10" * 6 * 2))
    return SIGNATURE + header + b"".join(extra) + pixels + chunk(b"IEND")


def test_an_image_stays_as_it_is() -> None:
    assert clean_png(png()) == png()


def test_what_does_not_draw_the_image_is_taken_out() -> None:
    hidden = chunk(b"tEXt", b"Comment\0<script>alert(1)</script>")

    assert clean_png(png(hidden) + b"<html>behind the end") == png()


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (b"GIF89a", "is no PNG"),
        (SIGNATURE, "is no whole PNG"),
        (png()[:-4], "is no whole PNG"),
        (png().replace(b"IDAT", b"IDaT"), "damaged"),
        (png(width=5000), "5000 by 2 pixels"),
        (png(width=0), "0 by 2 pixels"),
        (png() + b"\0" * LOGO_BYTES_MAX, "bytes"),
        (SIGNATURE + chunk(b"IHDR", b"short") + chunk(b"IDAT") + chunk(b"IEND"), "is no whole PNG"),
        (SIGNATURE + b"\xff\xff\xff\xffIHDRxxxx", "damaged"),
    ],
)
def test_anything_else_is_refused_with_what_to_do(image: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says) as refused:
        clean_png(image)

    assert refused.value.field == "logo_png"
