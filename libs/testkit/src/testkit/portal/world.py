"""What the neighbors of the portal know in its tests: two airlines, and their flights of two months."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import MeterlineError, NotFound, Reason
from chassis.errors.status import DETAILS_KEY, status_code, to_status
from chassis.identity import customer_from_metadata
from metering.common.v1 import values_pb2

Context = grpc.aio.ServicerContext[Any, Any]
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2013, 11, 20, 15, tzinfo=UTC)
PRICE, FEE = Decimal("2.50"), Decimal("10.00")
NEXT_PRICE, DEARER_FROM = Decimal("3.00"), "2013-12"
"""What a flight costs from a month to come on."""
MONTHS = ("2013-10", "2013-11")
EPOCH = "5a1d37cd-98b1-4c0e-8f7a-0e0a1e6a8a35"
TENANT = "acme"
DIGEST = bytes(range(32))


@dataclass(frozen=True)
class Flight:
    """A usage event: when, where from, and how many."""

    at: datetime
    origin: str
    quantity: Decimal = Decimal(1)


def flights_of(customer: str) -> list[Flight]:
    """Flights of two months, from nine airports; one leaves after midnight UTC of the first of November."""
    seed = len(customer) + sum(map(ord, customer))
    origins = ["EWR", "ORD", "SFO", "IAH", "DEN", "LAX", "IAD", "CLE", "BOS"]
    start = datetime(2013, 10, 1, 12, tzinfo=UTC)
    made = [
        Flight(start + timedelta(days=day, hours=number), origins[(day * number + number) % len(origins)])
        for day in range(50)
        for number in range(seed % 5 + 3)
    ]
    return [*made, Flight(datetime(2013, 11, 1, 3, tzinfo=UTC), "EWR")]


def bounds(month: str) -> tuple[datetime, datetime]:
    """The civil month in New York."""
    first = date.fromisoformat(f"{month}-01")
    after = (first + timedelta(days=32)).replace(day=1)
    start, end = (datetime(day.year, day.month, 1, tzinfo=NEW_YORK).astimezone(UTC) for day in (first, after))
    return start, end


def period_message(start: datetime, end: datetime) -> values_pb2.Period:
    """Return the message of period message."""
    messages = Timestamp(), Timestamp()
    messages[0].FromDatetime(start)
    messages[1].FromDatetime(end)
    return values_pb2.Period(start=messages[0], end=messages[1])


async def refuse(context: Context, error: MeterlineError) -> None:
    """End a call as a service of the suite does."""
    details = to_status(error)
    await context.abort(status_code(error), details.message, ((DETAILS_KEY, details.SerializeToString()),))


UNTOLD: Final = "~"
"""The group of all origins that the meter does not tell apart."""


@dataclass
class World:
    """What all neighbors know."""

    flights: dict[str, list[Flight]] = field(default_factory=lambda: {name: flights_of(name) for name in ("UA", "DL")})
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, tenant and customer of each call."""
    operators: set[str] = field(default_factory=set)
    """Tokens of calls that acted for no customer."""
    failing: MeterlineError | None = None
    """What every call is answered with."""
    untold: set[str] = field(default_factory=set)
    """Origins that the meter does not tell apart: they are one group, into which no filter sees."""

    def invoices(self, customer: str) -> dict[str, str]:
        """Number -> month of the final invoices of a customer."""
        return {"UA": {"INV-000001": "2013-10"}, "DL": {"INV-000002": "2013-10"}}[customer]

    def used(self, customer: str, start: datetime, end: datetime) -> list[Flight]:
        """Return the flights of a customer in a period."""
        return [flight for flight in self.flights[customer] if start <= flight.at < end]

    def group_of(self, flight: Flight) -> str:
        """Return the group of a flight by origin."""
        return UNTOLD if flight.origin in self.untold else flight.origin

    def as_of(self) -> values_pb2.AsOf:
        """Return how far the log reaches."""
        position = sum(map(len, self.flights.values()))
        return values_pb2.AsOf(epoch=EPOCH, lanes=[values_pb2.LanePosition(lane=0, position=position)])

    def note_operator(self, method: str, context: Context) -> None:
        """Note the token of a call that acts for no customer."""
        metadata = dict(context.invocation_metadata() or ())
        assert "x-meterline-customer" not in metadata
        self.operators.add(str(metadata["authorization"]).removeprefix("Bearer "))
        self.asked.append((method, "", ""))

    def is_operator(self, context: Context) -> bool:
        """Whether a call acts for no customer."""
        return "x-meterline-customer" not in dict(context.invocation_metadata() or ())

    async def caller(self, method: str, context: Context, *, named: str = "") -> str:
        """The customer for whom a call is; the guard of every service refuses any other."""
        metadata = dict(context.invocation_metadata() or ())
        customer = customer_from_metadata(str(metadata["x-meterline-customer"]))
        self.asked.append((method, str(metadata["x-meterline-tenant"]), customer))
        if self.failing is not None:
            await refuse(context, self.failing)
        owner = named.removeprefix("C-")
        if owner not in ("", customer):
            await refuse(context, NotFound(Reason.CONTRACT_NOT_FOUND, f"there is no contract {named!r}; check it"))
        return customer
