"""Which events may enter the log, and what their senders are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidRequest, Reason, TooBig
from chassis.errors.refused import Refused
from chassis.text import name_fault
from eventlog.columns import EventColumns, TextColumn, TraceColumn
from eventlog.fields import FIELDS
from ingest.domain.admission import Admission, BackfillWindow, Limits, admit, check_count
from ingest.domain.text import TextRule

NOW_US = 1_767_225_600_000_000
SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
EARLIEST_US = 946_684_800_000_000
"""2000-01-01T00:00:00Z."""
LIMITS = Limits(
    batch_events_max=10_000,
    late_limit_us=35 * DAY_US,
    future_limit_us=300 * SECOND_US,
    earliest_us=EARLIEST_US,
)
TRACE = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b701")


def batch(**fields: Any) -> EventColumns:
    """One sound event, with some columns changed."""
    columns: dict[str, Any] = {
        "ids": ["e-1"],
        "times_us": np.array([NOW_US], dtype=np.int64),
        "sources": TextColumn(["gateway"]),
        "types": TextColumn(["sms.sent"]),
        "customers": TextColumn(["acme"]),
    }
    columns |= fields
    texts = {field.name: columns.pop(field.column) for field in FIELDS if field.column in columns}
    return EventColumns(**columns, texts=texts)


def verdict(events: EventColumns, backfill: BackfillWindow | None = None) -> list[tuple[str, Reason]]:
    return [(item.field, item.reason) for item in admit(events, LIMITS, NOW_US, backfill).refusals]


def test_a_sound_event_is_accepted_as_it_is() -> None:
    admission = admit(batch(traces=TraceColumn(TRACE)), LIMITS, NOW_US)

    assert admission.accepted.tolist() == [0]
    assert admission.refusals == ()
    assert admission.is_clean


@pytest.mark.parametrize(
    "text",
    [
        "a\0b",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        "a\ud800b",
        "a\u202eb",
        "\ufeffa",
        "a\u200bb",
        "a ",
        "e\u0301",
        "a\u00a0b",
        "a\ufe0f",
        "\u3164",
    ],
)
@pytest.mark.parametrize("field", ["ids", "sources", "types", "customers", "subjects"])
def test_what_the_eye_can_not_see_is_refused_in_names(field: str, text: str) -> None:
    column: Any = [text] if field == "ids" else TextColumn([text])
    reason = Reason.ID_INVALID if field == "ids" else Reason.TEXT_INVALID

    assert verdict(batch(**{field: column})) == [(field.removesuffix("s"), reason)]


@pytest.mark.parametrize("text", ["Zoë", "名前", "a b", "x" * 128, "山田\u3000商店", "🙂"])
def test_any_printable_text_is_accepted(text: str) -> None:
    assert verdict(batch(ids=[text], customers=TextColumn([text]), subjects=TextColumn([text]))) == []


@pytest.mark.parametrize("text", ["x" * 129, "é" * 65])
def test_lengths_are_bytes_of_utf8(text: str) -> None:
    assert verdict(batch(ids=[text])) == [("id", Reason.ID_INVALID)]
    assert verdict(batch(types=TextColumn([text]))) == [("type", Reason.TEXT_TOO_LONG)]


@pytest.mark.parametrize("column", [TextColumn([]), TextColumn([""]), TextColumn(["x"], np.array([0], np.uint32))])
def test_what_is_required_must_be_there(column: TextColumn) -> None:
    assert verdict(batch(ids=[""])) == [("id", Reason.ID_INVALID)]
    for field in ("sources", "types", "customers"):
        assert verdict(batch(**{field: column})) == [(field.removesuffix("s"), Reason.TEXT_INVALID)]
    assert verdict(batch(subjects=column)) == []


@pytest.mark.parametrize(
    ("time_us", "reason"),
    [
        (NOW_US + 300 * SECOND_US, None),
        (NOW_US + 300 * SECOND_US + 1, Reason.TIME_IN_FUTURE),
        (NOW_US - 35 * DAY_US, None),
        (NOW_US - 35 * DAY_US - 1, Reason.TIME_TOO_OLD),
        (253_402_300_799_999_999, Reason.TIME_IN_FUTURE),
        (253_402_300_800_000_000, Reason.TIME_INVALID),
        (-62_135_596_800_000_000, Reason.TIME_TOO_OLD),
        (-62_135_596_800_000_001, Reason.TIME_INVALID),
        (2**63 - 1, Reason.TIME_INVALID),
        (-(2**63), Reason.TIME_INVALID),
    ],
)
def test_times_lie_between_the_late_limit_and_soon(time_us: int, reason: Reason | None) -> None:
    assert verdict(batch(times_us=np.array([time_us], np.int64))) == ([("time", reason)] if reason else [])


@pytest.mark.parametrize(
    ("time_us", "reason"),
    [
        (NOW_US - 400 * DAY_US, None),
        (NOW_US - 300 * DAY_US - 1, None),
        (NOW_US - 300 * DAY_US, Reason.BACKFILL_NOT_OPEN),
        (NOW_US - 400 * DAY_US - 1, Reason.BACKFILL_NOT_OPEN),
        (NOW_US, Reason.BACKFILL_NOT_OPEN),
    ],
)
def test_events_of_a_backfill_lie_in_its_period(time_us: int, reason: Reason | None) -> None:
    window = BackfillWindow(NOW_US - 400 * DAY_US, NOW_US - 300 * DAY_US)

    found = verdict(batch(times_us=np.array([time_us], np.int64)), window)

    assert found == ([("time", reason)] if reason else [])


@pytest.mark.parametrize(
    "window", [None, BackfillWindow(-62_135_596_800_000_000, 2**62), BackfillWindow(EARLIEST_US - 1, NOW_US)]
)
def test_a_time_before_the_earliest_is_refused_also_in_a_backfill(window: BackfillWindow | None) -> None:
    admission = admit(batch(times_us=np.array([EARLIEST_US - 1], np.int64)), LIMITS, NOW_US, window)

    (refusal,) = admission.refusals
    assert (refusal.field, refusal.reason) == ("time", Reason.TIME_TOO_OLD)
    assert refusal.message.startswith("lies before 2000-01-01T00:00:00Z, the earliest time accepted; check its unit")


def test_the_earliest_time_itself_is_accepted_in_a_backfill() -> None:
    assert verdict(batch(times_us=np.array([EARLIEST_US], np.int64)), BackfillWindow(0, NOW_US)) == []


def test_the_late_limit_never_reaches_before_the_earliest_time() -> None:
    far = replace(LIMITS, late_limit_us=36_500 * DAY_US)

    (refusal,) = admit(batch(times_us=np.array([EARLIEST_US - 1], np.int64)), far, NOW_US).refusals

    assert refusal.reason is Reason.TIME_TOO_OLD


def test_a_time_that_could_not_be_read_is_refused_with_its_own_words() -> None:
    admission = admit(batch(time_faults={0: "is missing"}), LIMITS, NOW_US)

    assert [(item.reason, item.message) for item in admission.refusals] == [(Reason.TIME_INVALID, "is missing")]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("", "1", ("properties.", Reason.PROPERTY_KEY_INVALID)),
        ("k" * 65, "1", ("properties." + "k" * 65, Reason.PROPERTY_KEY_INVALID)),
        ("a\0b", "1", ("properties.a\ufffdb", Reason.PROPERTY_KEY_INVALID)),
        ("a\u202eb", "1", ("properties.a\ufffdb", Reason.PROPERTY_KEY_INVALID)),
        ("k", "a\0b", ("properties.k", Reason.PROPERTY_VALUE_INVALID)),
        ("a\u200bb", "1", ("properties.a\ufffdb", Reason.PROPERTY_KEY_INVALID)),
        ("k", "a\u202eb", None),
        ("k", "\ufeff e\u0301 ", None),
        ("k", "", None),
        ("k", "x" * 256, None),
        ("k", "x" * 257, ("properties.k", Reason.PROPERTY_VALUE_TOO_LONG)),
    ],
)
def test_properties_have_limits(key: str, value: str, expected: tuple[str, Reason] | None) -> None:
    assert verdict(batch(properties={key: TextColumn([value])})) == ([expected] if expected else [])


def test_an_event_has_at_most_32_properties_of_however_many_the_batch_has() -> None:
    def properties(count: int) -> dict[str, TextColumn]:
        shared = {f"k{number}": TextColumn(["1"]) for number in range(count)}
        return {**shared, "only-second": TextColumn(["1"], np.array([0, 1], np.uint32))}

    two = {"ids": ["a", "b"], "times_us": np.array([NOW_US] * 2, np.int64)}

    assert verdict(batch(**two, properties=properties(31))) == []
    refused = admit(batch(**two, properties=properties(32)), LIMITS, NOW_US).refusals
    assert [(item.index, item.reason) for item in refused] == [(1, Reason.PROPERTIES_TOO_MANY)]


def test_an_event_over_64_kib_is_refused_as_such_before_anything_else() -> None:
    large = batch(ids=["a\0b"], properties={"k": TextColumn(["x" * 65_536])})
    many = batch(properties={f"k{number}": TextColumn(["x" * 250]) for number in range(300)})

    assert verdict(large) == [("", Reason.EVENT_TOO_LARGE)]
    assert verdict(many) == [("", Reason.EVENT_TOO_LARGE)]


@pytest.mark.parametrize("context", [bytes(25), bytes(16) + b"\1" * 9, b"\1" * 16 + bytes(9)])
def test_a_trace_context_needs_both_ids(context: bytes) -> None:
    assert verdict(batch(traces=TraceColumn(context))) == [("traceparent", Reason.TRACEPARENT_INVALID)]


def test_a_refused_id_is_shown_short_and_harmless() -> None:
    refused = admit(batch(ids=["\0é\u202e" + "x" * 200]), LIMITS, NOW_US).refusals[0]

    assert refused.id.startswith("\ufffdé\ufffdx")
    assert len(refused.id) < 130
    assert refused.id.isprintable()


def test_a_byte_order_mark_makes_no_second_event_of_an_id() -> None:
    events = batch(ids=["\ufeffx1", "x2"], times_us=np.array([NOW_US, NOW_US], np.int64))

    (refused,) = admit(events, LIMITS, NOW_US).refusals

    assert (refused.index, refused.field, refused.reason) == (0, "id", Reason.ID_INVALID)
    assert refused.message == "holds U+FEFF ZERO WIDTH NO-BREAK SPACE at character 1; remove it"


@given(st.text(st.sampled_from("aé\u0301 \u3000\u200b\x1b"), min_size=1, max_size=4))
def test_every_field_of_names_has_the_one_rule(text: str) -> None:
    is_refused = name_fault(text) is not None

    assert bool(verdict(batch(ids=[text]))) == is_refused
    assert bool(verdict(batch(properties={text: TextColumn(["1"])}))) == is_refused
    for field in FIELDS:
        assert bool(verdict(batch(**{field.column: TextColumn([text])}))) == is_refused, field.name


@given(
    st.lists(st.text(st.sampled_from("aé名🙂 \u200b\x1b"), max_size=9), max_size=4),
    st.integers(1, 16),
    st.booleans(),
    st.booleans(),
)
def test_many_texts_together_are_judged_as_each_alone(
    texts: list[str], bytes_max: int, required: bool, is_name: bool
) -> None:
    rule = TextRule(bytes_max, required=required, is_name=is_name)

    assert rule.are_sound(texts) == all(rule.fault(text) is None for text in texts)


def test_each_event_is_refused_once_with_its_first_fault() -> None:
    events = batch(
        ids=["a", "", "c"],
        times_us=np.array([NOW_US, 0, 0], np.int64),
        customers=TextColumn(["ok", "b\0d"], np.array([1, 2, 2], np.uint32)),
    )

    admission = admit(events, LIMITS, NOW_US)

    assert admission.accepted.tolist() == [0]
    assert [(item.index, item.field) for item in admission.refusals] == [(1, "id"), (2, "customer")]


def test_a_wrong_value_that_no_event_uses_refuses_nobody_but_is_noticed() -> None:
    events = batch(
        customers=TextColumn(["acme", "b\0d"], np.array([1], np.uint32)),
        properties={"b\0d": TextColumn(["1"], np.array([0], np.uint32))},
    )

    admission: Admission = admit(events, LIMITS, NOW_US)
    kept = events.take(admission.accepted)

    assert (admission.refusals, admission.is_clean) == ((), False)
    assert (list(kept.customers.values), kept.properties) == (["acme"], {})


def test_the_number_of_events_has_both_ends() -> None:
    with pytest.raises(InvalidRequest) as empty:
        check_count(0, LIMITS)
    with pytest.raises(TooBig) as large:
        check_count(10_001, LIMITS)

    assert (empty.value.reason, large.value.reason) == (Reason.BATCH_EMPTY, Reason.BATCH_TOO_LARGE)
    check_count(10_000, LIMITS)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"times_us": np.zeros(2, np.int64)}, Reason.COLUMN_LENGTH_MISMATCH),
        ({"types": TextColumn(["a", "b"])}, Reason.COLUMN_LENGTH_MISMATCH),
        ({"subjects": TextColumn(["a"], np.array([1, 1], np.uint32))}, Reason.COLUMN_LENGTH_MISMATCH),
        ({"customers": TextColumn(["a"], np.array([2], np.uint32))}, Reason.COLUMN_INDEX_OUT_OF_RANGE),
        ({"subjects": TextColumn([], np.array([1], np.uint32))}, Reason.COLUMN_INDEX_OUT_OF_RANGE),
        ({"traces": TraceColumn(b"x" * 24)}, Reason.COLUMN_LENGTH_MISMATCH),
        ({"traces": TraceColumn(TRACE * 2)}, Reason.COLUMN_LENGTH_MISMATCH),
        ({"traces": TraceColumn(TRACE, np.array([2], np.uint32))}, Reason.COLUMN_INDEX_OUT_OF_RANGE),
    ],
)
def test_columns_that_do_not_fit_together_are_refused_whole(fields: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        batch(**fields).check_shape()

    assert refused.value.reason is reason
