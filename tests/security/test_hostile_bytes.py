"""Bytes that are no request, or far more than they look like, are refused and cost next to nothing."""

from __future__ import annotations

from typing import Any, Final

import grpc
import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.struct_pb2 import Struct

from chassis.identity import Scope
from testkit.http2 import resident_mib

REPORT: Final = "/metering.ingest.v1.IngestService/Report"
_MIB: Final = 1024 * 1024
_DEPTH: Final = 20_000


async def refusal(door: Any, data: bytes, **options: Any) -> grpc.StatusCode:
    metadata = [("authorization", f"Bearer {door.token(Scope.REPORT)}")]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.channel.unary_unary(REPORT)(data, metadata=metadata, timeout=30, **options)
    return caught.value.code()


async def test_a_message_that_inflates_beyond_the_limit_is_refused_before_it_does(door: Any) -> None:
    bomb = bytes(128 * _MIB)
    before_mib = resident_mib()

    code = await refusal(door, bomb, compression=grpc.Compression.Gzip)

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert resident_mib() - before_mib < 64


@pytest.mark.parametrize(
    "data",
    [
        b"\x0b" * _DEPTH + b"\x0c" * _DEPTH,
        b"\x0b" * _DEPTH,
        b"\x0a\xff\xff\xff\xff\x0f",
        b"\xff" * 64,
        b"\x0a\x02\x0a\x05",
    ],
    ids=["groups in groups", "groups without an end", "a length of 4 GiB", "no tag", "cut off"],
)
async def test_bytes_that_are_no_message_are_the_callers_fault(door: Any, data: bytes) -> None:
    assert await refusal(door, data) is grpc.StatusCode.INVALID_ARGUMENT


def holds_itself(described: Descriptor, within: tuple[str, ...] = ()) -> bool:
    """Whether a message may hold another of its own type, or of any type, however deep."""
    if described.full_name in (*within, "google.protobuf.Any"):
        return True
    inner = (field.message_type for field in described.fields if field.message_type is not None)
    return any(holds_itself(one, (*within, described.full_name)) for one in inner)


async def test_no_request_can_be_nested_deeper_than_its_contract(method: Any) -> None:
    assert not holds_itself(method.described.input_type)


def test_a_message_that_holds_itself_would_be_seen() -> None:
    assert holds_itself(Struct.DESCRIPTOR)
