"""A small Bloom filter over the customers of a segment: most segments without a customer are passed over unread."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_BITS_A_CUSTOMER: Final = 10
_BYTES_MIN: Final = 8
_BYTES_MAX: Final = 8192
_HASHES: Final = 4
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_WORD_BITS: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)


def customer_filter(customers: Iterable[str]) -> bytes:
    """Make the filter; about 1 % of the customers that are not in the segment seem to be."""
    hashes = _hashes(customers)
    needed = (len(hashes) * _BITS_A_CUSTOMER + 7) // 8
    size = min(_BYTES_MAX, max(_BYTES_MIN, 1 << max(0, needed - 1).bit_length()))
    bits = np.zeros(size * 8, dtype=np.bool_)
    bits[_places(hashes, size * 8)] = True
    return np.packbits(bits).tobytes()


class CustomerProbe:
    """The customers somebody looks for, ready to be tried against many filters."""

    def __init__(self, customers: Iterable[str]) -> None:
        self._hashes = _hashes(customers)

    def may_be_in(self, filter_bytes: bytes) -> bool:
        """Say whether any of the customers may be in the segment; False is certain, also for a damaged filter."""
        if not filter_bytes:
            return True
        bits = np.unpackbits(np.frombuffer(filter_bytes, dtype=np.uint8))
        return bool(bits[_places(self._hashes, len(bits))].all(axis=1).any())


def _hashes(customers: Iterable[str]) -> NDArray[np.uint64]:
    encoded = (customer.encode("utf-8", "surrogatepass") for customer in customers)
    return np.fromiter(map(zlib.crc32, encoded), dtype=np.uint64)


def _places(hashes: NDArray[np.uint64], bits: int) -> NDArray[np.int64]:
    mixed = hashes * _MIX
    first, step = mixed & _LOW, (mixed >> _WORD_BITS) | np.uint64(1)
    rounds = np.arange(_HASHES, dtype=np.uint64)
    places = (first[:, np.newaxis] + rounds * step[:, np.newaxis]) % np.uint64(bits)
    return places.astype(np.int64)
