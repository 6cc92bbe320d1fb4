"""A client that speaks just enough HTTP/2 to misbehave: calls without a request, requests without an end, no reading.

It never indexes headers and sends no Huffman codes, so that a handful of lines writes every frame.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _WINDOW_UPDATE, _CONTINUATION = 0, 1, 3, 4, 6, 8, 9
_CANCEL: Final = 8
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_INITIAL_WINDOW_SIZE: Final = 4
_WINDOW: Final = 65_535
_FRAME_MAX: Final = 16_384
_MIB: Final = 1024 * 1024


class RawConnection:
    """One connection. `begun` holds the numbers of calls whose answer has begun, `answered` of those that are ended."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, window: int) -> None:
        """Use a new connection; `window` is how many bytes the server may send on a call before it must wait."""
        self._reader = reader
        self._writer = writer
        self._next = 1
        self._initial = _WINDOW
        self._windows: dict[int, int] = defaultdict(int)
        self._moved = asyncio.Event()
        self.begun: set[int] = set()
        self.answered: set[int] = set()
        self.is_closed = False
        setting = struct.pack(">HI", _INITIAL_WINDOW_SIZE, window)
        writer.write(_PREFACE + _frame(_SETTINGS, 0, 0, setting))

    def open(self, path: str, headers: Mapping[str, str], *, authority: str = "localhost") -> int:
        """Begin a call and send its headers only; return its number."""
        number, self._next = self._next, self._next + 2
        pseudo = {":method": "POST", ":scheme": "http", ":path": path, ":authority": authority}
        fields = {**pseudo, "te": "trailers", "content-type": "application/grpc", **headers}
        block = b"".join(_literal(name) for name in fields.items())
        self._windows[number] = self._initial
        self._writer.write(_frame(_HEADERS, _END_HEADERS, number, block))
        return number

    def reset(self, number: int) -> None:
        """Take a call back."""
        self._writer.write(_frame(_RST_STREAM, 0, number, struct.pack(">I", _CANCEL)))

    def go_on_with_headers(self, number: int, part: bytes) -> None:
        """Send more of the headers of a call without ever ending them."""
        self._writer.write(_frame(_CONTINUATION, 0, number, part))

    def open_without_end(self, path: str) -> int:
        """Begin the headers of a call, and do not end them; return its number."""
        number, self._next = self._next, self._next + 2
        self._writer.write(_frame(_HEADERS, 0, number, _literal((":method", "POST")) + _literal((":path", path))))
        return number

    def finish(self, number: int, message: bytes) -> None:
        """Send a small request and end it."""
        self._writer.write(_frame(_DATA, _END_STREAM, number, b"\0" + struct.pack(">I", len(message)) + message))

    async def begin_request(self, number: int, length: int, sent: int) -> int:
        """Announce a request of `length` bytes and send `sent` of them, as far as the server lets; return how many."""
        prefix = b"\0" + struct.pack(">I", length)
        written = 0
        while written < len(prefix) + sent and number not in self.answered and not self.is_closed:
            room = min(self._windows[number], self._windows[0] + _WINDOW, _FRAME_MAX, len(prefix) + sent - written)
            if room <= 0:
                self._moved.clear()
                await self._moved.wait()
                continue
            part = prefix[written : written + room]
            self._writer.write(_frame(_DATA, 0, number, part + bytes(room - len(part))))
            self._windows[number] -= room
            self._windows[0] -= room
            written += room
            await self._writer.drain()
        return max(0, written - len(prefix))

    async def drain(self) -> None:
        """Wait until what was written is on its way."""
        await self._writer.drain()

    async def read(self) -> None:
        """Follow what the server says until it closes the connection."""
        try:
            while True:
                head = await self._reader.readexactly(9)
                length = int.from_bytes(head[:3])
                payload = await self._reader.readexactly(length)
                self._handle(head[3], head[4], int.from_bytes(head[5:]) & 0x7FFF_FFFF, payload)
        except (asyncio.IncompleteReadError, OSError):
            self.is_closed = True
            self._moved.set()

    def _handle(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind == _SETTINGS and not flags & _ACK:
            for start in range(0, len(payload), 6):
                name, value = struct.unpack_from(">HI", payload, start)
                if name == _INITIAL_WINDOW_SIZE:
                    self._initial, change = value, value - self._initial
                    for known in self._windows:
                        self._windows[known] += change if known else 0
            self._writer.write(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self._writer.write(_frame(_PING, _ACK, 0, payload))
        elif kind == _WINDOW_UPDATE:
            self._windows[number] += int.from_bytes(payload)
        elif kind == _RST_STREAM or (kind in (_DATA, _HEADERS) and flags & _END_STREAM):
            self.answered.add(number)
        if kind == _HEADERS:
            self.begun.add(number)
        self._moved.set()

    def close(self) -> None:
        """Close the connection without a word."""
        self._writer.transport.abort()


@asynccontextmanager
async def raw_connection(address: str, *, reads: bool = True, window: int = _WINDOW) -> AsyncIterator[RawConnection]:
    """Open a raw connection to "host:port"; unless it `reads`, nothing that the server sends is ever looked at."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    connection = RawConnection(reader, writer, window=window)
    reading = asyncio.create_task(connection.read()) if reads else None
    try:
        yield connection
    finally:
        connection.close()
        if reading is not None:
            await reading


def resident_mib() -> float:
    """Return the memory that this process holds, in MiB."""
    gc.collect()
    # What was freed counts only once the allocator has given it back.
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / _MIB


def _frame(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + number.to_bytes(4) + payload


def _literal(header: tuple[str, str]) -> bytes:
    return b"\0" + b"".join(_text(part.encode()) for part in header)


def _text(text: bytes) -> bytes:
    """Write a text with its length in front: seven bits, then as many bytes as it takes (RFC 7541, 5.1)."""
    if len(text) < 127:  # noqa: PLR2004 - all seven bits set say that more follow
        return bytes((len(text),)) + text
    rest, parts = len(text) - 127, bytearray((127,))
    while rest >= 128:  # noqa: PLR2004
        parts.append(rest % 128 | 128)
        rest //= 128
    return bytes(parts) + bytes((rest,)) + text
