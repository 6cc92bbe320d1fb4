"""What the first bytes of a file say: one that is no UTF-8 text at all is told so, rather than its first odd byte."""

from __future__ import annotations

from typing import Final

BYTES_LOOKED_AT: Final = 4
# UTF-32 first: its mark begins with the one of UTF-16.
_STARTS: Final = {
    b"\x1f\x8b": "it is compressed by gzip; unpack it first, with gunzip for instance",
    b"PK\x03\x04": "it is a zip archive, or a workbook of a spreadsheet; unpack it, or save it as CSV in UTF-8",
    b"\xff\xfe\x00\x00": "it is UTF-32; convert it to UTF-8 first, with iconv for instance",
    b"\x00\x00\xfe\xff": "it is UTF-32; convert it to UTF-8 first, with iconv for instance",
    b"\xff\xfe": "it is UTF-16; convert it to UTF-8 first, with iconv for instance",
    b"\xfe\xff": "it is UTF-16; convert it to UTF-8 first, with iconv for instance",
}


def no_text(first: bytes) -> str:
    """Say what a file is by its first bytes, and what to do; empty if it may be text."""
    return next((told for start, told in _STARTS.items() if first.startswith(start)), "")
