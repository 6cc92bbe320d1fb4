"""The events of the benchmarks: one fixed, realistic shape, made once and given fresh ids for every batch.

A batch has 5,000 events of one source: 1,000 customers (Zipf-like: few send most), 3 types, and the properties `region`
(8 values), `model` (16) and `bytes` (200 distinct decimal texts). Two meters count them: SUM of `bytes` by region, and
COUNT.
Ids are UUIDv7 (as the SDK makes them) or random UUIDs. The generator only puts new ids and times into prepared batches.
"""

from __future__ import annotations

import random
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from eventlog.encode import encode_columns
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH_EVENTS: Final = 5_000
ROW_BATCH_EVENTS: Final = 500
SOURCE: Final = "benchmark"
CUSTOMERS: Final = 1_000
TYPES: Final = ("call.made", "message.sent", "file.stored")
REGIONS: Final = tuple(f"region-{n}" for n in range(8))
MODELS: Final = tuple(f"model-{n}" for n in range(16))
BYTES: Final = tuple(f"{n * 37 + 1}.{n:03d}" for n in range(200))
_SEED: Final = 20_130_101

CATALOG: Final = """\
kind: Meter
metadata: {name: bytes}
spec: {eventTypes: [call.made, message.sent, file.stored], aggregation: SUM, value: bytes, groupBy: [region], unit: B}
---
kind: Meter
metadata: {name: events}
spec: {eventTypes: [call.made, message.sent, file.stored], aggregation: COUNT, unit: event}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """The part of an event that does not change from batch to batch."""

    type: str
    customer: str
    region: str
    model: str
    value: str


def rows(count: int, seed: int = _SEED) -> list[Row]:
    """Make the rows of a batch, the same for the same seed."""
    rng = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(CUSTOMERS)]
    customers = rng.choices([f"customer-{n:04d}" for n in range(CUSTOMERS)], weights, k=count)
    return [
        Row(rng.choice(TYPES), customer, rng.choice(REGIONS), rng.choice(MODELS), rng.choice(BYTES))
        for customer in customers
    ]


def uuid7_ids(count: int) -> list[str]:
    """Make ascending UUIDv7 ids, quickly: one time stamp a batch, the order in the bits after it."""
    milliseconds = time.time_ns() // 1_000_000
    # 12 bits of sequence after the version and 62 random bits; two batches of one millisecond differ in the latter.
    head = milliseconds << 80 | 0x7 << 76 | 0b10 << 62
    high = random.getrandbits(34) << 28
    return [_text(head | (n >> 1) << 64 | high | (n & 1) << 27 | random.getrandbits(27)) for n in range(count)]


def random_ids(count: int) -> list[str]:
    """Make random UUIDs."""
    bits = random.getrandbits(128 * count)
    mask = (1 << 128) - 1
    return (
        [str(uuid.UUID(int=bits >> (128 * n) & mask, version=4)) for n in range(count)] if count == 1 else _many(count)
    )


def _many(count: int) -> list[str]:
    raw = random.randbytes(16 * count).hex()
    texts = (raw[n * 32 : n * 32 + 32] for n in range(count))
    return [f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}" for text in texts]


def _text(number: int) -> str:
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def column_template(count: int) -> usage_event_pb2.UsageEventColumns:
    """Make a batch as columns, without ids and times."""
    made = rows(count)
    return encode_columns(
        ids=(),
        times_us=(),
        texts={
            "source": [SOURCE] * count,
            "type": [row.type for row in made],
            "customer": [row.customer for row in made],
        },
        properties={
            "region": [row.region for row in made],
            "model": [row.model for row in made],
            "bytes": [row.value for row in made],
        },
        traceparents=[f"00-{random.randbytes(16).hex()}-{random.randbytes(8).hex()}-01"] * count,
    )


def column_request(
    template: usage_event_pb2.UsageEventColumns, make_ids: Callable[[int], list[str]]
) -> pb.ReportRequest:
    """Make a request of columns with fresh ids; all events happen now."""
    count = len(template.types.indexes)
    request = pb.ReportRequest()
    request.columns.CopyFrom(template)
    request.columns.ids.extend(make_ids(count))
    request.columns.times_us.extend([time.time_ns() // 1_000] * count)
    return request


def row_requests(count: int, make_ids: Callable[[int], list[str]]) -> pb.ReportRequest:
    """Make a request of row messages with fresh ids; all events happen now."""
    now_ns = time.time_ns()
    request = pb.ReportRequest()
    for row, event_id in zip(rows(count), make_ids(count), strict=True):
        event = request.events.add(
            id=event_id,
            source=SOURCE,
            type=row.type,
            customer=row.customer,
            properties={"region": row.region, "model": row.model, "bytes": row.value},
            traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        event.time.FromNanoseconds(now_ns // 1_000 * 1_000)
    return request
