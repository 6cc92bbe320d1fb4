"""Events keep what they are on every way: rows to columns, columns to a payload, several joined, some taken."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Reason, TooBig
from chassis.errors.refused import Refused
from eventlog.columns import EventColumns, EventRows
from eventlog.compare import differences
from eventlog.encode import encode_columns
from eventlog.fields import FIELDS
from eventlog.join import join_columns
from eventlog.payload import columns_from_proto, columns_to_proto, compress, decode_payload, encode_payload
from eventlog.rows import columns_of, events_of, join_rows
from metering.ingest.v1 import usage_event_pb2 as pb

TEXTS = st.sampled_from(["a", "b", "Zoë"])
CONTEXT = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"


@st.composite
def an_event(draw: st.DrawFn) -> pb.UsageEvent:
    event = pb.UsageEvent(
        id=draw(TEXTS),
        properties=draw(st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["", "1", "2"]))),
        traceparent=draw(st.sampled_from(["", f"00-{CONTEXT}-01", f"00-{CONTEXT}-00"])),
    )
    for field in FIELDS:
        setattr(event, field.name, draw(TEXTS if field.is_required else TEXTS | st.just("")))
    event.time.FromMicroseconds(draw(st.sampled_from([0, -1, 1_767_225_600_000_000])))
    return event


EVENTS = st.lists(an_event(), min_size=1, max_size=6)


def read_back(columns: EventColumns) -> list[pb.UsageEvent]:
    return list(events_of(columns, np.arange(len(columns))))


def produced(events: list[pb.UsageEvent]) -> pb.UsageEventColumns:
    """The events as a producer writes them."""
    keys = {key for event in events for key in event.properties}
    return encode_columns(
        ids=[event.id for event in events],
        times_us=[event.time.ToMicroseconds() for event in events],
        texts={field.name: [getattr(event, field.name) for event in events] for field in FIELDS},
        properties={key: [event.properties.get(key) for event in events] for key in keys},
        traceparents=[event.traceparent for event in events],
    )


@given(EVENTS)
def test_rows_come_back_as_they_were_sent(events: list[pb.UsageEvent]) -> None:
    assert read_back(decode_payload(encode_payload(columns_of(EventRows(events))))) == events


@given(EVENTS)
def test_what_a_producer_writes_is_read_as_it_was_meant(events: list[pb.UsageEvent]) -> None:
    message = produced(events)

    assert read_back(columns_from_proto(message)) == events
    assert columns_to_proto(columns_from_proto(message)) == message
    assert read_back(decode_payload(compress(message.SerializeToString()))) == events


@given(st.lists(EVENTS, min_size=1, max_size=4))
def test_joined_events_keep_their_order_and_all_they_have(parts: list[list[pb.UsageEvent]]) -> None:
    events = [event for part in parts for event in part]

    assert read_back(columns_of(join_rows([EventRows(part) for part in parts]))) == events
    assert read_back(join_columns([columns_of(EventRows(part)) for part in parts])) == events


@given(EVENTS, st.data())
def test_events_that_are_taken_are_the_same_as_before(events: list[pb.UsageEvent], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(events) - 1), min_size=1))

    taken = columns_of(EventRows(events)).take(np.array(rows))

    assert read_back(taken) == [events[row] for row in rows]
    used = {event.source for event in read_back(taken)}
    assert set(taken.sources.values) == used


@pytest.mark.parametrize("field", [field.name for field in FIELDS if not field.is_identity])
def test_every_text_but_the_source_is_compared(field: str) -> None:
    event = pb.UsageEvent(id="a", source="s", type="t", customer="c")
    other = pb.UsageEvent()
    other.CopyFrom(event)
    setattr(other, field, "else")
    only = np.array([0])

    assert differences(columns_of(EventRows([event])), only, columns_of(EventRows([event])), only) == {}
    found = differences(columns_of(EventRows([event])), only, columns_of(EventRows([other])), only)
    assert re.fullmatch(rf".* differs in {field}: stored 'else', sent ('[tc]'|nothing|'')", found[0])


def test_long_values_in_a_conflict_are_shortened() -> None:
    event = pb.UsageEvent(id="a", source="s", type="t", customer="c", properties={"note": "x" * 200})
    other = pb.UsageEvent(id="a", source="s", type="t", customer="c", properties={"note": "y" * 41})
    only = np.array([0])

    found = differences(columns_of(EventRows([event])), only, columns_of(EventRows([other])), only)

    assert found[0].endswith(f"properties.note: stored '{'y' * 39}…', sent '{'x' * 39}…'")


def test_an_empty_text_is_an_absent_one_but_an_empty_property_is_not() -> None:
    def columns(subject: list[str], properties: list[pb.PropertyColumn]) -> EventColumns:
        one = pb.DictionaryColumn(values=["x"])
        subjects = pb.DictionaryColumn(values=subject) if subject else None
        return columns_from_proto(
            pb.UsageEventColumns(
                ids=["a"], times_us=[0], sources=one, types=one, customers=one, subjects=subjects, properties=properties
            )
        )

    empty = [pb.PropertyColumn(key="k", column=pb.DictionaryColumn(values=[""]))]
    only = np.array([0])

    assert differences(columns([""], []), only, columns([], []), only) == {}
    assert differences(columns([], empty), only, columns([], []), only) == {
        0: "this id is taken by an event that differs in properties.k: stored nothing, sent ''"
    }


def test_two_columns_of_one_property_are_refused() -> None:
    message = produced([pb.UsageEvent(id="a", source="s", type="t", customer="c", properties={"k": "1"})])
    message.properties.append(message.properties[0])

    with pytest.raises(Refused) as refused:
        columns_from_proto(message)

    assert (refused.value.field, refused.value.reason) == ("properties", Reason.FIELD_INVALID)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda message: message.times_us.append(1), "2 times for 1 ids"),
        (lambda message: message.ClearField("customers"), "lacks an entry in customers"),
        (lambda message: message.types.indexes.append(0), "lacks an entry in types"),
        (lambda message: message.types.indexes.append(2), "points past"),
        (lambda message: message.properties.append(message.properties[0]), "more than one column"),
    ],
)
def test_a_payload_that_ingest_cannot_have_written_is_not_read(change: Any, what: str) -> None:
    message = produced([pb.UsageEvent(id="a", source="s", type="t", customer="c", properties={"k": "1"})])
    change(message)

    with pytest.raises(ValueError, match=what):
        decode_payload(compress(message.SerializeToString()))


@pytest.mark.parametrize("payload", [b"", b"junk", compress(b"\xff\xff")])
def test_a_payload_of_junk_is_not_read(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_payload(payload)


def test_a_flood_of_different_property_keys_is_refused_before_it_takes_memory() -> None:
    events = [pb.UsageEvent(properties={f"k{number}": "1"}) for number in range(5000)]
    columns = pb.UsageEventColumns(ids=["x"] * 5000, properties=[pb.PropertyColumn(key=str(n)) for n in range(5000)])

    with pytest.raises(TooBig):
        columns_of(EventRows(events))
    with pytest.raises(TooBig):
        columns_from_proto(columns)


def test_every_field_is_one_of_the_contract() -> None:
    event, columns = pb.UsageEvent.DESCRIPTOR, pb.UsageEventColumns.DESCRIPTOR
    texts = {field.name for field in event.fields if field.type == field.TYPE_STRING} - {"id", "traceparent"}
    text_columns = {
        field.name for field in columns.fields
        if field.message_type is not None and field.message_type.name == "DictionaryColumn"
    }  # fmt: skip

    assert {field.name for field in FIELDS} == texts
    assert {field.column for field in FIELDS} == text_columns


def test_a_producer_needs_neither_numpy_nor_a_database() -> None:
    script = (
        "import sys\n"
        "for name in ('numpy', 'zstandard', 'asyncpg', 'sqlalchemy'):\n"
        "    sys.modules[name] = None\n"
        "import eventlog.encode\n"
        "print(eventlog.encode.encode_columns(['a'], [1], {'source': ['s']}, {'k': ['1']}).ids)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("['a']\n", "")
