"""Bytes that are no request, or far more than they look like, are refused and cost next to nothing."""

from __future__ import annotations

from typing import Any, Final

import grpc
import pytest

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
