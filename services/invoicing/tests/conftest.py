"""Builders of charges and rated periods, as values of the domain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from eventlog.as_of import AsOf
from eventlog.period import Period
from invoicing.domain.charges import Charge, Rated
from invoicing.domain.document import LineKind, Tier
from invoicing.domain.profiles import BillingProfile, default_profile
from money import ZERO

JANUARY = Period(datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC))
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

ChargeMaker = Callable[..., Charge]
RatedMaker = Callable[..., Rated]


def make_charge(item: str = "Calls", quantity: str = "3", exact_amount: str = "1.005", events: int = 3) -> Charge:
    """A usage charge of one tier."""
    return Charge(
        id=f"chg-{item}-{quantity}",
        item=item,
        kind=LineKind.USAGE,
        meter="calls",
        unit="call",
        plan="standard",
        plan_version=1,
        quantity=Decimal(quantity),
        exact_amount=Decimal(exact_amount),
        tiers=(Tier(None, Decimal(quantity), Decimal("0.335"), ZERO, Decimal(exact_amount)),),
        snapshot_id="snap-1",
        event_count=events,
        traceparent=TRACEPARENT,
    )


def make_fee(item: str = "Base fee", amount: str = "9.90") -> Charge:
    """A fixed fee."""
    return replace(make_charge(item, "1", amount, 0), kind=LineKind.FIXED, meter="", unit="", snapshot_id="", tiers=())


def make_rated(*charges: Charge, **changed: object) -> Rated:
    """The charges of contract C-1 for January 2025."""
    rated = Rated(
        contract="C-1",
        customer="UA",
        customer_name="United Air Lines",
        currency="USD",
        time_zone="UTC",
        billing_period="2025-01",
        period=JANUARY,
        snapshot_id="snap-1",
        as_of=AsOf("5a1d37cd-98b1-4c0e-8f7a-0e0a1e6a8a35", {0: 41, 1: 7}),
        charges=charges,
    )
    return replace(rated, **changed)  # type: ignore[arg-type]


@pytest.fixture
def charge() -> ChargeMaker:
    return make_charge


@pytest.fixture
def fee() -> ChargeMaker:
    return make_fee


@pytest.fixture
def rated() -> RatedMaker:
    return make_rated


@pytest.fixture
def profile() -> BillingProfile:
    """The profile of a tenant that has applied none."""
    return default_profile("acme")
