"""What `meterline unbilled` says of the reasons of its rows."""

from __future__ import annotations

from metering.rating.v1 import unbilled_pb2 as pb
from meterline.cli.unbilled import meaning_of
from meterline.cli.unbilled_notes import lines_of


def parked(meter: str) -> pb.UnbilledUsage:
    return pb.UnbilledUsage(meter=meter, reason=pb.UNBILLED_REASON_PARKED, event_count=1)


def test_the_hint_for_parked_events_names_the_meter_and_can_be_pasted() -> None:
    assert "`meterline get parked api-calls`" in meaning_of("PARKED", [parked("api-calls"), parked("api-calls")])
    assert "`meterline get parked 'two words'`" in meaning_of("PARKED", [parked("two words")])


def test_the_hint_names_no_meter_where_there_are_several() -> None:
    told = meaning_of("PARKED", [parked("calls"), parked("bytes")])

    assert "`meterline get parked`" in told


def test_the_note_after_reporting_names_the_meter_of_each_line() -> None:
    bytes_line, calls_line = lines_of([parked("calls"), parked("bytes"), parked("calls")])

    assert "`meterline get parked bytes` says why" in bytes_line
    assert calls_line.startswith("  2 events, parked by calls: ")
    assert "`meterline get parked calls` says why" in calls_line
