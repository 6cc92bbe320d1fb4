"""Keys: exact, ordered as the database orders them, and never shared by two identities."""

from __future__ import annotations

import uuid
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eventlog.columns import TextColumn
from ingest.domain.keys import KIND_HASHED, KIND_ULID, KIND_UUID, EventKeys, key_order, keys_of, repeats

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
IDS = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda value: str(value).upper()),
    st.text(alphabet="0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=26, max_size=26),
    st.text(alphabet="0123456789abcdef-", min_size=36, max_size=36),
    st.text(alphabet="0123456789abcdefg-é", min_size=1, max_size=40),
    st.text(min_size=1, max_size=40),
)


def keys(ids: list[str], source_id: int = 1, tenant: str = "acme", source: str = "s") -> EventKeys:
    return keys_of(tenant, ids, TextColumn([source]), [source_id])


def whole(found: EventKeys, row: int) -> tuple[int, int, int, int]:
    return (
        int(found.source_ids[row]),
        int(found.kinds[row]),
        int(found.high[row]),
        int(found.low[row]),
    )


def test_a_canonical_uuid_is_its_own_key() -> None:
    text = "0192f0c1-7a3e-7cc1-9d62-3f1f3a1f0b11"

    found = keys([text])

    assert found.kinds.tolist() == [KIND_UUID]
    assert found.hex_texts() == [uuid.UUID(text).hex]


def test_a_canonical_ulid_is_its_own_key() -> None:
    found = keys([ULID, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "0" * 26])

    assert found.kinds.tolist() == [KIND_ULID] * 3
    assert found.hex_texts() == ["01563e3ab5d3d6764c61efb99302bd5b", "f" * 32, "0" * 32]


def test_everything_else_is_hashed() -> None:
    text = "0192f0c1-7a3e-7cc1-9d62-3f1f3a1f0b11"
    others = [text.upper(), text.replace("-", "_"), "{" + text[1:], text[:-1] + "é", "8" + ULID[1:], ULID.lower(), "x"]

    assert keys(others).kinds.tolist() == [KIND_HASHED] * len(others)


def test_a_hashed_key_covers_tenant_source_and_id_with_their_bounds() -> None:
    found = [
        keys(["bc"], tenant="t", source="a"),
        keys(["c"], tenant="t", source="ab"),
        keys(["bc"], tenant="ta", source=""),
        keys(["bc"], tenant="u", source="a"),
    ]

    assert len({part.hex_texts()[0] for part in found}) == len(found)


@given(st.lists(IDS, min_size=1, max_size=20))
def test_keys_do_not_depend_on_their_neighbors(ids: list[str]) -> None:
    together = keys(ids)

    assert [whole(together, row) for row in range(len(ids))] == [whole(keys([event_id]), 0) for event_id in ids]


@given(st.lists(IDS, min_size=1, max_size=30))
def test_two_ids_share_a_key_only_if_they_are_one(ids: list[str]) -> None:
    found = keys(ids)

    for left in range(len(ids)):
        for right in range(left):
            assert (whole(found, left) == whole(found, right)) == (ids[left] == ids[right])


@given(st.lists(st.tuples(st.integers(1, 3), IDS), min_size=1, max_size=40), st.data())
def test_the_order_is_the_databases_and_marks_repetitions(events: list[tuple[int, str]], data: st.DataObject) -> None:
    events = [*events, *data.draw(st.lists(st.sampled_from(events), max_size=10))]
    sources = TextColumn(["a", "b", "c"], np.array([number for number, _ in events], np.uint32))
    found = keys_of("acme", [event_id for _, event_id in events], sources, [1, 2, 3])

    order = key_order(found)

    ordered = [(*whole(found, row), row) for row in order.tolist()]
    assert ordered == sorted(ordered)
    expected = [False, *(left[:4] == right[:4] for left, right in pairwise(ordered))]
    assert repeats(found, order).tolist() == expected


def test_the_order_within_one_millisecond_of_uuid7_is_right() -> None:
    ids = [f"0192f0c1-7a3e-7cc1-9d62-{number:012x}" for number in (5, 1, 3)]

    assert key_order(keys(ids)).tolist() == [1, 2, 0]
