"""Files of events that may be compressed by gzip: told by their first bytes, and unpacked as they are read."""

from __future__ import annotations

import gzip
import zlib
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any, Final, cast

from meterline.errors import InputError

if TYPE_CHECKING:
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

_MAGIC: Final = b"\x1f\x8b"


def unpacked(stream: BinaryIO, name: str) -> tuple[BinaryIO, bool]:
    """Return what is in a stream, and whether it was compressed. Reading raises InputError for what is damaged.

    No more of it is held than is read at once, however small the file is that it comes from.
    """
    if not cast("BufferedReader", stream).peek(len(_MAGIC)).startswith(_MAGIC):
        return stream, False
    return cast("BinaryIO", _Reader(cast("Any", _Unpacked(stream, name)), stream)), True


class _Unpacked(RawIOBase):
    def __init__(self, packed: BinaryIO, name: str) -> None:
        self._packed = packed
        self._gzip = gzip.GzipFile(fileobj=packed)
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        try:
            data = self._gzip.read1(len(view))
        except EOFError:
            what = "it ends before what gzip compressed does; copy or download it again"
            raise InputError(f"{self._name}: {what}") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            what = f"gzip can't unpack it ({error}); `gzip -t` says more; copy or download it again"
            raise InputError(f"{self._name}: {what}") from None
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._packed.close()
        super().close()


class _Reader(BufferedReader):
    """Tells how far the packed stream was read, as its size is known."""

    def __init__(self, raw: Any, packed: BinaryIO) -> None:
        super().__init__(raw)
        self._packed_stream = packed

    def tell(self) -> int:
        """Return the packed bytes that were read."""
        return self._packed_stream.tell()
