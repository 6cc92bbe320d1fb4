"""Copies by customer: every event lies in exactly one block, that of its customer, and nothing of it is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eventlog.columns import EventColumns, TextColumn
from eventlog.feed.kinds import EntryKind
from ingest.domain.copies import CopiedEvents, blocks_of, slots_of

Event = tuple[EntryKind, int, str | None, int, str | None, int]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([EntryKind.PLAIN, EntryKind.VOID, EntryKind.REPLACEMENT]),
        st.integers(0, 9),
        st.sampled_from([*(f"customer-{number}" for number in range(9)), "ü"]),
        st.sampled_from([None, "red", "blue"]),
    ),
    max_size=60,
)


def column(texts: list[str | None]) -> TextColumn:
    values = sorted({text for text in texts if text is not None})
    return TextColumn(values, np.array([0 if one is None else values.index(one) + 1 for one in texts], dtype=np.uint32))


def segment(kind: EntryKind, rows: list[Event]) -> CopiedEvents:
    events = EventColumns(
        ids=[f"id-{row[1]}" for row in rows],
        times_us=np.array([row[3] for row in rows], dtype=np.int64),
        texts={"customer": column([row[2] for row in rows])},
        properties={"color": column([row[4] for row in rows])},
    )
    positions = np.array([row[1] for row in rows], dtype=np.int64)
    return CopiedEvents(kind, events, positions, [row[5] for row in rows] if kind is EntryKind.VOID else ())


def rows_of(part: CopiedEvents) -> list[Event]:
    rows = np.arange(len(part.positions))
    customers, colors = part.events.customers.texts(rows), part.events.property("color").texts(rows)
    back = part.takes_back or [0] * len(rows)
    assert part.events.ids == [f"id-{position}" for position in part.positions.tolist()]
    columns = (part.positions.tolist(), customers, part.events.times_us.tolist(), colors, back)
    return [(part.kind, *row) for row in zip(*columns, strict=True)]


@given(EVENTS, st.integers(1, 7), st.integers(1, 5))
def test_blocks_hold_each_event_once(
    drawn: list[tuple[EntryKind, int, str, str | None]], segment_events: int, block_events_max: int
) -> None:
    events: list[Event] = [
        (kind, position, customer, time, color, position * 7 if kind is EntryKind.VOID else 0)
        for position, (kind, time, customer, color) in enumerate(drawn, 5)
    ]
    parts = [
        segment(kind, [event for event in events[first : first + segment_events] if event[0] is kind])
        for first in range(0, len(events), segment_events)
        for kind in EntryKind
    ]

    blocks = list(blocks_of([part for part in parts if len(part.positions)], block_events_max))

    assert sorted(row[1:3] for block in blocks for row in rows_of(block.held)) == sorted(row[1:3] for row in events)
    assert {row for block in blocks for row in rows_of(block.held)} == set(events)
    for block in blocks:
        assert {slot for row in rows_of(block.held) for slot in slots_of([str(row[2])])} == {block.slot}
        assert 0 < len(block.held.positions) <= block_events_max
        assert block.held.positions.tolist() == sorted(block.held.positions.tolist())
    by_slot: dict[tuple[int, EntryKind], int] = {}
    for block in blocks:
        first, last = int(block.held.events.times_us.min()), int(block.held.events.times_us.max())
        assert by_slot.get((block.slot, block.held.kind), 0) <= first
        by_slot[block.slot, block.held.kind] = last


def test_a_copy_has_no_traces_and_slots_stay_what_they_were() -> None:
    part = segment(EntryKind.PLAIN, [(EntryKind.PLAIN, 1, "acme", 3, None, 0)])
    traced = replace(part, events=replace(part.events, traces=replace(part.events.traces, contexts=b"a" * 25)))

    (block,) = blocks_of([traced])

    assert block.held.events.traces.contexts == b""
    # What is stored was cut by these.
    assert slots_of(["acme", "globex", "acme"]) == sorted({block.slot, *slots_of(["globex"])})
    assert slots_of(["acme"]) == [62]
