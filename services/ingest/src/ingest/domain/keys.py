"""The 16 bytes under which an event is found again: (tenant, source, id) as an exact, narrow database key.

A canonical UUID or ULID is its own key: hashing it would destroy its time order, and order is what keeps the index
cheap. Any other id is hashed together with tenant and source. The three spaces can't meet: the kind is part of the key.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog.columns import Mask, RowNumbers, TextColumn

KIND_HASHED: Final = 0
KIND_UUID: Final = 1
KIND_ULID: Final = 2

_UUID_CHARS: Final = 36
_ULID_CHARS: Final = 26
_HYPHENS: Final = (8, 13, 18, 23)
_WRONG: Final = 255
_HYPHEN: Final = 254
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_FIRST_MAX: Final = 7  # 26 characters hold 130 bits, a ULID has 128
_LOW_WORD: Final = (1 << 64) - 1
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_ULID: Final = re.compile(f"[0-7][{_CROCKFORD}]{{25}}", re.ASCII)
_ULID_TO_BASE_32: Final = str.maketrans(_CROCKFORD, "0123456789abcdefghijklmnopqrstuv")


def _table(alphabet: str) -> bytes:
    table = bytearray([_WRONG] * 256)
    for value, character in enumerate(alphabet):
        table[ord(character)] = value
    table[ord("-")] = _HYPHEN
    return bytes(table)


_HEX_TABLE: Final = _table("0123456789abcdef")
_ULID_TABLE: Final = _table(_CROCKFORD)

Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class EventKeys:
    """Keys of events: source number, kind, and the 16 bytes as two big-endian words."""

    source_ids: NDArray[np.int32]
    kinds: NDArray[np.int16]
    high: Words
    low: Words

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self.high)

    def take(self, rows: RowNumbers) -> EventKeys:
        """Keep some keys, in the order given."""
        return EventKeys(self.source_ids[rows], self.kinds[rows], self.high[rows], self.low[rows])

    def hex_texts(self) -> list[str]:
        """Return the 16 bytes of each key as 32 hex digits."""
        packed = np.empty((len(self), 2), dtype=">u8")
        packed[:, 0], packed[:, 1] = self.high, self.low
        digits = packed.tobytes().hex()
        return [digits[start : start + 32] for start in range(0, len(digits), 32)]


def join_keys(parts: Sequence[EventKeys]) -> EventKeys:
    """Put keys one after the other."""
    if len(parts) == 1:
        return parts[0]
    return EventKeys(
        np.concatenate([part.source_ids for part in parts]),
        np.concatenate([part.kinds for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.low for part in parts]),
    )


def keys_of(tenant: str, ids: Sequence[str], sources: TextColumn, source_ids: Sequence[int]) -> EventKeys:
    """Make the keys of admitted events; `source_ids` are the numbers of the distinct `sources.values`."""
    count = len(ids)
    if count == 1:
        return _key_of_one(tenant, ids[0], sources, source_ids)
    indexes = sources.dense(count)
    numbers = np.array([0, *source_ids], dtype=np.int32)[indexes]
    kinds = np.zeros(count, dtype=np.int16)
    high, low = np.zeros(count, dtype=np.uint64), np.zeros(count, dtype=np.uint64)
    lengths = np.fromiter(map(len, ids), dtype=np.int64, count=count)
    for kind, chars, decode in ((KIND_UUID, _UUID_CHARS, _decode_uuids), (KIND_ULID, _ULID_CHARS, _decode_ulids)):
        rows = np.flatnonzero(lengths == chars)
        if rows.size == count:
            is_kind, high_words, low_words = decode(ids)
        elif rows.size:
            is_kind, high_words, low_words = decode([ids[row] for row in rows.tolist()])
        else:
            continue
        kept = rows[is_kind]
        kinds[kept], high[kept], low[kept] = kind, high_words[is_kind], low_words[is_kind]
        if kept.size == count:
            return EventKeys(numbers, kinds, high, low)
    hashed = np.flatnonzero(kinds == KIND_HASHED)
    prefixes = [None, *(_prefix(tenant, source) for source in sources.values)]
    digests = b"".join(_digest(prefixes[indexes[row]], ids[row]) for row in hashed.tolist())
    words = np.frombuffer(digests, dtype=">u8").reshape(-1, 2)
    high[hashed], low[hashed] = words[:, 0], words[:, 1]
    return EventKeys(numbers, kinds, high, low)


def _key_of_one(tenant: str, event_id: str, sources: TextColumn, source_ids: Sequence[int]) -> EventKeys:
    """Make a single key, for callers with one event a call: a tenth of the time that columns of one take."""
    place = len(sources.values) - 1 if sources.indexes is None else int(sources.indexes[0]) - 1
    if _UUID.fullmatch(event_id) is not None:
        kind, number = KIND_UUID, int(event_id.replace("-", ""), 16)
    elif _ULID.fullmatch(event_id) is not None:
        kind, number = KIND_ULID, int(event_id.translate(_ULID_TO_BASE_32), 32)
    else:
        kind, number = KIND_HASHED, int.from_bytes(_digest(_prefix(tenant, sources.values[place]), event_id), "big")
    return EventKeys(
        np.array([source_ids[place]], dtype=np.int32),
        np.array([kind], dtype=np.int16),
        np.array([number >> 64], dtype=np.uint64),
        np.array([number & _LOW_WORD], dtype=np.uint64),
    )


def key_order(keys: EventKeys) -> RowNumbers:
    """Order by (source, kind, key) as the database orders them; equal keys stay in the order they came.

    One order in every commit is what keeps two commits with the same keys from waiting for each other in a circle.
    """
    if len(keys) == 0 or (_is_constant(keys.source_ids) and _is_constant(keys.kinds)):
        order = np.argsort(keys.high, kind="stable")
        ordered = keys.high[order]
        if not (ordered[1:] == ordered[:-1]).any():
            return order
        return np.lexsort((keys.low, keys.high))
    return np.lexsort((keys.low, keys.high, keys.kinds, keys.source_ids))


def repeats(keys: EventKeys, order: RowNumbers) -> Mask:
    """Mark, along `order`, the keys that equal the one before."""
    marks = np.zeros(len(order), dtype=np.bool_)
    high, low = keys.high[order], keys.low[order]
    marks[1:] = (high[1:] == high[:-1]) & (low[1:] == low[:-1])
    if marks.any():
        sources, kinds = keys.source_ids[order], keys.kinds[order]
        marks[1:] &= (sources[1:] == sources[:-1]) & (kinds[1:] == kinds[:-1])
    return marks


def _is_constant(numbers: NDArray[np.int32] | NDArray[np.int16]) -> bool:
    return bool((numbers == numbers[0]).all())


def _decode_uuids(ids: Sequence[str]) -> tuple[Mask, Words, Words]:
    """Read texts of 36 characters; the mask says which are canonical lower-case UUIDs."""
    codes = _codes(ids, _UUID_CHARS, _HEX_TABLE)
    is_uuid = (codes[:, _HYPHENS] == _HYPHEN).all(axis=1)
    digits = np.concatenate((codes[:, 0:8], codes[:, 9:13], codes[:, 14:18], codes[:, 19:23], codes[:, 24:36]), axis=1)
    is_uuid &= digits.max(axis=1) < 16  # noqa: PLR2004 - a hex digit
    packed = np.ascontiguousarray((digits[:, 0::2] << 4) | (digits[:, 1::2] & 15)).view(">u8")
    return is_uuid, packed[:, 0].astype(np.uint64), packed[:, 1].astype(np.uint64)


def _decode_ulids(ids: Sequence[str]) -> tuple[Mask, Words, Words]:
    """Read texts of 26 characters; the mask says which are canonical upper-case ULIDs."""
    codes = _codes(ids, _ULID_CHARS, _ULID_TABLE)
    is_ulid = (codes.max(axis=1) < len(_CROCKFORD)) & (codes[:, 0] <= _ULID_FIRST_MAX)
    digits = (codes & 31).astype(np.uint64)
    high, low = np.zeros(len(ids), dtype=np.uint64), np.zeros(len(ids), dtype=np.uint64)
    five = np.uint64(5)
    for place in range(13):  # the first 13 digits are the upper 63 bits of the upper word
        high = (high << five) | digits[:, place]
    high = (high << np.uint64(1)) | (digits[:, 13] >> np.uint64(4))
    low = digits[:, 13] & np.uint64(15)
    for place in range(14, _ULID_CHARS):
        low = (low << five) | digits[:, place]
    return is_ulid, high, low


def _codes(ids: Sequence[str], chars: int, table: bytes) -> NDArray[np.uint8]:
    # What is not ASCII becomes a question mark, one byte a character, which no table knows.
    packed = "".join(ids).encode("ascii", "replace").translate(table)
    return np.frombuffer(packed, dtype=np.uint8).reshape(len(ids), chars)


def _prefix(tenant: str, source: str) -> hashlib._Hash:
    state = hashlib.sha256()
    for text in (tenant, source):
        data = text.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(4, "big") + data)
    return state


def _digest(prefix: hashlib._Hash | None, event_id: str) -> bytes:
    if prefix is None:
        raise AssertionError("an admitted event has a source")
    state = prefix.copy()
    data = event_id.encode("utf-8", "surrogatepass")
    state.update(len(data).to_bytes(4, "big") + data)
    return state.digest()[:16]
