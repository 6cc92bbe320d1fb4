"""What windows come to in all: events, sum and digest, each of which only adds up.

The digest is linear in what windows hold. So that of all pages together is that of the log folded in one piece,
however the log was split into batches and pages were merged, and one that is missing, doubled or changed shows. It is
made against accidents, not against somebody who chooses events.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.columns import joined_numbers
from aggregator.domain.paging import months_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from aggregator.domain.columns import CodedTexts, ScaledNumbers
    from aggregator.domain.windows import Windows

    Words = NDArray[np.uint64]

_PRIMES: Final = (2_147_483_647, 2_147_483_629)
"""The digest is one number modulo each: below 2^31, so that products fit 64 bits, and a scale can be divided out."""
_COUNT, _SUM, _ENTRY = (np.uint64(word) for word in (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03, 0x8CB92BA72F3D8DD7))


@dataclass(frozen=True, slots=True)
class Terms:
    """How many events some windows have, the sum of their values, and the digest of what they hold."""

    events: int = 0
    sum: Fraction = Fraction(0)
    digest: tuple[int, int] = (0, 0)

    def __add__(self, other: Terms) -> Terms:
        """Return what both have together."""
        digest = tuple(
            (own + theirs) % prime for own, theirs, prime in zip(self.digest, other.digest, _PRIMES, strict=True)
        )
        return Terms(self.events + other.events, self.sum + other.sum, (digest[0], digest[1]))

    def digest_text(self) -> str:
        """Return the digest as 16 hexadecimal digits."""
        return "".join(f"{part:08x}" for part in self.digest)


def total_of(terms: Sequence[Terms]) -> Terms:
    """Return what all of these have together."""
    whole = Terms()
    for part in terms:
        whole += part
    return whole


def terms_by_month(windows: Windows) -> dict[int, Terms]:
    """Return what the windows of each calendar month (UTC, counted from January 1970) come to."""
    if not len(windows):
        return {}
    months, places = np.unique(months_of(windows.starts_us), return_inverse=True)
    events = _added_up(windows.event_counts, places, len(months))
    sums = joined_numbers([windows.sums])
    units = _added_up(sums.units, places, len(months))
    digests = [_digests(windows, prime, places, len(months)) for prime in _PRIMES]
    return {
        month: Terms(
            int(events[number]),
            Fraction(int(units[number]), 10**sums.scale),
            (int(digests[0][number]), int(digests[1][number])),
        )
        for number, month in enumerate(months.tolist())
    }


def digest_of_places(places: NDArray[np.int64]) -> int:
    """Return a digest of places in the log, free of order, that adds up modulo 2^64."""
    return int(_mixed(_mixed(places.astype(np.uint64)) ^ _ENTRY).sum(dtype=np.uint64))


def _added_up(values: NDArray[np.int64] | NDArray[np.object_], places: NDArray[np.intp], count: int) -> list[int]:
    totals = np.zeros(count, dtype=values.dtype)
    np.add.at(totals, places, values)
    return [int(total) for total in totals.tolist()]


def _digests(windows: Windows, prime: int, places: NDArray[np.intp], count: int) -> list[int]:
    """Return for each month the sum of what its windows add, each weighed by a hash of its key, modulo a prime."""
    keys = _keys(windows)
    parts = _product(windows.event_counts % prime, keys ^ _COUNT, prime)
    parts += _product(_modulo(windows.sums, prime), keys ^ _SUM, prime)
    totals = np.zeros(count, dtype=np.uint64)
    np.add.at(totals, places, parts % np.uint64(prime))
    entries = windows.entries
    if len(entries):
        own = _mixed(keys[entries.windows] ^ _ENTRY) ^ _hashes(entries.texts)
        own = _mixed(own) ^ entries.times_us.astype(np.uint64)
        for each in _PRIMES:
            own = _mixed(own) ^ _modulo(entries.values, each)
        np.add.at(totals, places[entries.windows], _product(entries.counts % prime, own, prime))
    return [int(total) % prime for total in totals.tolist()]


def _keys(windows: Windows) -> Words:
    """Return a hash of customer, start and group of each window."""
    keys = _mixed(_hashes(windows.customers)) ^ windows.starts_us.astype(np.uint64)
    return _mixed(_mixed(keys) ^ _hashes(windows.groups))


def _product(values: NDArray[np.int64] | Words, keys: Words, prime: int) -> Words:
    """Return each value, below the prime, times the hash of its key, modulo the prime."""
    factors = _mixed(keys) % np.uint64(prime)
    return (values.astype(np.uint64) * factors) % np.uint64(prime)


def _modulo(numbers: ScaledNumbers, prime: int) -> Words:
    """Return each number modulo a prime: what is equal at different scales is the same."""
    units = (numbers.units % prime).astype(np.uint64)
    return (units * np.uint64(pow(10, -numbers.scale, prime))) % np.uint64(prime)


def _hashes(texts: CodedTexts) -> Words:
    """Return a hash of each row's text."""
    table = [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") for text in texts.values]
    return np.array(table, dtype=np.uint64)[texts.codes]


def _mixed(words: Words) -> Words:
    """Spread the bits of each word over all of it (the finalizer of splitmix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
