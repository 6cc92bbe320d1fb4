"""A message parsed in slices is the message parsed whole."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import struct_pb2
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from chassis.rpc.slices import parse_in_slices
from metering.ingest.v1 import ingest_service_pb2 as pb

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
)


@given(st.dictionaries(st.text(max_size=20), JSON, max_size=20))
def test_slices_of_any_message_make_the_same_message(content: dict[str, Any]) -> None:
    whole = struct_pb2.Struct()
    whole.update(content)

    assert parse_in_slices(struct_pb2.Struct, whole.SerializeToString(), 16) == whole


@given(st.binary(max_size=200), st.integers(0, 400))
def test_bytes_that_are_no_message_are_so_in_slices_as_well(noise: bytes, cut: int) -> None:
    request = pb.ReportRequest(backfill_id="b", whole_past=True)
    for number in range(10):
        request.events.add(id=f"event-{number}", type="t", properties={"n": "1"})
    data = request.SerializeToString()[:cut] + noise
    try:
        expected = pb.ReportRequest.FromString(data)
    except DecodeError:
        with pytest.raises(DecodeError):
            parse_in_slices(pb.ReportRequest, data, 16)
        return
    assert parse_in_slices(pb.ReportRequest, data, 16).SerializeToString() == expected.SerializeToString()
