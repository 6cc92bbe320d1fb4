"""The bytes of a page: windows as columns, each as narrow as its numbers are, compressed together.

Layout, version 1, all little-endian: a byte that says whether the rest is compressed (zstd); then the version, the
number of windows and of entries, and the columns in the order in which `to_bytes` writes them. A column of integers
begins with the width of each in bytes and a base that is added to them (width 0: all are the base); integers beyond 64
bits are decimal texts. A column of texts is a dictionary (a count, lengths, UTF-8) and a column of places in it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import numpy as np
import zstandard

from aggregator.domain.columns import CodedTexts, ScaledNumbers
from aggregator.domain.windows import Entries, Windows, no_entries

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from numpy.typing import NDArray

_VERSION: Final = 1
_PLAIN: Final = b"\x00"
_COMPRESSED: Final = b"\x01"
_TEXTS: Final = 255
_UNSIGNED: Final = ((1, np.uint8, 2**8), (2, np.uint16, 2**16), (4, np.uint32, 2**32))
_KINDS: Final = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<i8"}
_COMPRESSED_FROM_BYTES: Final = 256
_UNCOMPRESSED_MAX_BYTES: Final = 2**30


def to_bytes(windows: Windows) -> bytes:
    """Return the page that holds these windows."""
    out = [struct.pack("<BII", _VERSION, len(windows), len(windows.entries))]
    entries = windows.entries
    _put_texts(out, windows.customers)
    _put_integers(out, windows.starts_us)
    _put_texts(out, windows.groups)
    _put_integers(out, windows.event_counts)
    _put_numbers(out, windows.sums)
    _put_integers(out, windows.flush_ids)
    if len(entries):
        _put_integers(out, entries.windows)
        _put_texts(out, entries.texts)
        _put_integers(out, entries.times_us)
        _put_numbers(out, entries.values)
        _put_integers(out, entries.counts)
    plain = b"".join(out)
    if len(plain) < _COMPRESSED_FROM_BYTES:
        return _PLAIN + plain
    return _COMPRESSED + zstandard.ZstdCompressor(level=3).compress(plain)


def from_bytes(payload: bytes, customers: Container[str] | None = None) -> Windows:
    """Return the windows of a page; of some customers, those that lie between the first and the last one of them.

    Raises ValueError for what is no page.
    """
    plain = payload[1:]
    if payload[:1] == _COMPRESSED:
        plain = zstandard.ZstdDecompressor().decompress(plain, max_output_size=_UNCOMPRESSED_MAX_BYTES)
    reader = _Reader(plain)
    version, count, entry_count = reader.unpack("<BII")
    if version != _VERSION:
        message = f"a page of version {version} was written by a later release; upgrade to that one"
        raise ValueError(message)
    names = reader.texts(count, 0, count)
    first, end = (0, count) if customers is None else _range_of(names, customers)
    return Windows(
        customers=names if (first, end) == (0, count) else names.take(slice(first, end)),
        starts_us=reader.integers(count, first, end),
        groups=reader.texts(count, first, end),
        event_counts=reader.integers(count, first, end),
        sums=reader.numbers(count, first, end),
        flush_ids=reader.integers(count, first, end),
        entries=_entries(reader, entry_count, first, end) if entry_count else no_entries(),
    )


def _range_of(names: CodedTexts, customers: Container[str]) -> tuple[int, int]:
    """Return the range of the rows of some customers; customers come in order."""
    codes = [code for code, name in enumerate(names.values) if name in customers]
    if not codes:
        return 0, 0
    first, end = np.searchsorted(names.codes, [codes[0], codes[-1] + 1]).tolist()
    return first, end


def _entries(reader: _Reader, count: int, first_window: int, end_window: int) -> Entries:
    """Return the entries of the windows of a range."""
    windows = reader.integers(count, 0, count)
    first, end = np.searchsorted(windows, [first_window, end_window]).tolist()
    return Entries(
        windows=windows[first:end] - first_window,
        texts=reader.texts(count, first, end),
        times_us=reader.integers(count, first, end),
        values=reader.numbers(count, first, end),
        counts=reader.integers(count, first, end),
    )


def _put_integers(out: list[bytes], values: NDArray[np.int64] | NDArray[np.object_]) -> None:
    if values.dtype == np.object_:
        _put_strings(out, [str(value) for value in values.tolist()])
        return
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    for width, kind, limit in _UNSIGNED:
        if low == high:
            out.append(struct.pack("<Bq", 0, low))
            return
        if high - low < limit:
            out += (struct.pack("<Bq", width, low), (values - low).astype(kind).tobytes())
            return
    out += (struct.pack("<Bq", 8, 0), np.ascontiguousarray(values, dtype="<i8").tobytes())


def _put_numbers(out: list[bytes], numbers: ScaledNumbers) -> None:
    out.append(struct.pack("<B", numbers.scale))
    _put_integers(out, numbers.units)


def _put_texts(out: list[bytes], texts: CodedTexts) -> None:
    _put_strings(out, texts.values)
    _put_integers(out, texts.codes)


def _put_strings(out: list[bytes], strings: Sequence[str]) -> None:
    encoded = [string.encode() for string in strings]
    lengths = np.array([len(each) for each in encoded], dtype="<u4")
    out += (struct.pack("<BI", _TEXTS, len(encoded)), lengths.tobytes(), *encoded)


class _Reader:
    """Reads one column after another."""

    def __init__(self, plain: bytes) -> None:
        self._plain = plain
        self._at = 0

    def unpack(self, layout: str) -> tuple[int, ...]:
        """Return numbers of a layout."""
        found = struct.unpack_from(layout, self._plain, self._at)
        self._at += struct.calcsize(layout)
        return found

    def integers(self, count: int, first: int, end: int) -> NDArray[np.int64]:
        """Return a range of a column of integers that fit 64 bits."""
        if not count:
            return np.zeros(0, dtype=np.int64)
        width, base = self.unpack("<Bq")
        if width == 0:
            return np.full(end - first, base, dtype=np.int64)
        at = self._at + first * width
        values = np.frombuffer(self._plain, dtype=_KINDS[width], count=end - first, offset=at).astype(np.int64)
        self._at += count * width
        return values + base if base else values

    def numbers(self, count: int, first: int, end: int) -> ScaledNumbers:
        """Return a range of a column of integers of any size, with their scale."""
        if not count:
            return ScaledNumbers(np.zeros(0, dtype=np.int64), 0)
        (scale,) = self.unpack("<B")
        if self._plain[self._at] != _TEXTS:
            return ScaledNumbers(self.integers(count, first, end), scale)
        return ScaledNumbers(np.array([int(text) for text in self.strings()[first:end]], dtype=np.object_), scale)

    def texts(self, count: int, first: int, end: int) -> CodedTexts:
        """Return a range of a column of texts."""
        if not count:
            return CodedTexts((), np.zeros(0, dtype=np.int64))
        strings = self.strings()
        return CodedTexts(strings, self.integers(count, first, end))

    def strings(self) -> list[str]:
        """Return the distinct strings of a dictionary."""
        _, count = self.unpack("<BI")
        lengths = np.frombuffer(self._plain, dtype="<u4", count=count, offset=self._at)
        self._at += 4 * count
        ends = self._at + np.cumsum(lengths, dtype=np.int64)
        starts = ends - lengths
        self._at = int(ends[-1]) if count else self._at
        return [self._plain[start:end].decode() for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
