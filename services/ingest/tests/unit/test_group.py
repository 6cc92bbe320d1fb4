"""What a group commit knows: which events are new, which repeat others, what differs, what was seen lately."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eventlog.columns import EventColumns, TextColumn
from eventlog.compare import differences
from ingest.domain.customers import CustomerProbe, customer_filter
from ingest.domain.group import KeyGroup
from ingest.domain.keys import EventKeys, keys_of
from ingest.domain.recent import RecentKeys


def keys(ids: list[str]) -> EventKeys:
    return keys_of("acme", ids, TextColumn(["s"]), [1])


@given(
    st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=8), min_size=1, max_size=5),
    st.sets(st.integers(0, 12)),
)
def test_each_identity_is_written_once_at_dense_positions_and_all_events_know_their_place(
    batches: list[list[int]], stored: set[int]
) -> None:
    group = KeyGroup([keys([str(number) for number in batch]) for batch in batches])
    everything = group.unlocated()
    stored_keys = {text: number for number, text in enumerate(keys([str(number) for number in range(13)]).hex_texts())}
    known = [place for place, text in enumerate(group.keys(everything).hex_texts()) if stored_keys[text] in stored]
    group.found(everything[known], np.full(len(known), 9), np.full(len(known), 77))

    placement = group.place()
    group.written(placement, lane=3, head_position=100)

    new = list(dict.fromkeys(number for batch in batches for number in batch if number not in stored))
    assert sorted(placement.positions.tolist()) == list(range(1, len(new) + 1))
    place_of = {number: (3, 101 + place) for place, number in enumerate(new)} | dict.fromkeys(stored, (9, 77))
    seen: set[int] = set()
    for part, batch in enumerate(batches):
        lanes, positions = group.places(part)
        assert list(zip(lanes.tolist(), positions.tolist(), strict=True)) == [place_of[number] for number in batch]
        for number, accepted in zip(batch, group.accepted(part).tolist(), strict=True):
            assert accepted == (number not in stored and number not in seen)
            seen.add(number)


def test_bodies_differ_by_text_and_not_by_how_columns_were_built() -> None:
    def batch(customers: TextColumn, properties: dict[str, TextColumn], subject: TextColumn) -> EventColumns:
        return EventColumns(
            ids=["a", "b"],
            times_us=np.array([1, 2], np.int64),
            texts={"source": TextColumn(["s"]), "type": TextColumn(["t"]), "customer": customers, "subject": subject},
            properties=properties,
        )

    rows = np.arange(2)
    left = batch(TextColumn(["x"]), {"k": TextColumn(["1"])}, TextColumn([""]))
    right = batch(
        TextColumn(["y", "x", "x"], np.array([3, 1], np.uint32)),
        {
            "l": TextColumn(["1"], np.array([0, 1], np.uint32)),
            "k": TextColumn(["2", "1"], np.array([2, 0], np.uint32)),
        },
        TextColumn([]),
    )

    assert differences(left, rows, left, rows) == {}
    taken = "this id is taken by an event that differs in "
    assert differences(left, rows, right, rows) == {
        1: f"{taken}customer: stored 'y', sent 'x'; properties.k: stored nothing, sent '1'; "
        "properties.l: stored '1', sent nothing"
    }
    first, second = "'1970-01-01T00:00:00.000001Z'", "'1970-01-01T00:00:00.000002Z'"
    assert differences(right, rows, left, rows[::-1]) == {
        0: f"{taken}time: stored {second}, sent {first}",
        1: f"{taken}customer: stored 'x', sent 'y'; time: stored {first}, sent {second}; "
        "properties.k: stored '1', sent nothing; and in 1 more",
    }


@given(st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=200), st.sets(st.text(min_size=1, max_size=8)))
def test_a_customer_filter_never_hides_a_customer(customers: set[str], others: set[str]) -> None:
    made = customer_filter(customers)

    assert all(CustomerProbe([customer]).may_be_in(made) for customer in customers)
    assert CustomerProbe([*others, next(iter(customers))]).may_be_in(made)
    assert CustomerProbe(others or {"x"}).may_be_in(b"")


def test_a_customer_filter_hides_nearly_all_others_and_stays_small() -> None:
    made = customer_filter(f"customer-{number}" for number in range(1000))

    wrong = sum(CustomerProbe([f"other-{number}"]).may_be_in(made) for number in range(2000))

    assert len(made) <= 2048
    assert wrong < 100
    assert len(customer_filter(f"customer-{number}" for number in range(50_000))) == 8192


def test_keys_seen_lately_are_likely_until_newer_ones_take_their_place() -> None:
    recent = RecentKeys(65_536)
    first = keys([f"e-{number}" for number in range(10)])

    recent.add(first)
    assert recent.likely(first).all()
    assert not recent.likely(keys(["other"])).any()

    recent.add(keys([f"later-{number}" for number in range(500_000)]))
    assert not recent.likely(first).all()
