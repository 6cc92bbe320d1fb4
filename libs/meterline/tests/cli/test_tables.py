"""How objects look in tables: whatever a plan costs is said, also by a price model that nobody thought of here."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from metering.invoicing.v1 import invoice_pb2
from metering.rating.v1 import catalog_pb2
from meterline.catalog.kinds import KINDS
from meterline.cli.documents import local_time_text
from meterline.cli.invoices import by_number
from meterline.cli.tables import OF_CATALOG, price_text

USAGE: Any = catalog_pb2.UsagePrice.DESCRIPTOR


def fill(message: Any, descriptor: Descriptor, texts: list[str]) -> None:
    """Give every text of a message, however deep, a value of its own; of alternatives, the first has one."""
    others = {field.name for oneof in descriptor.oneofs for field in oneof.fields[1:]}
    for field in descriptor.fields:
        if field.name in others:
            continue
        if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            assert field.message_type is not None
            below = getattr(message, field.name)
            fill(below.add() if field.is_repeated else below, field.message_type, texts)
        else:
            texts.append(f"{len(texts)}.{len(texts)}")
            if field.is_repeated:
                getattr(message, field.name).append(texts[-1])
            else:
                setattr(message, field.name, texts[-1])


@pytest.mark.parametrize("model", [field.name for field in USAGE.oneofs_by_name["model"].fields])
def test_every_number_of_a_price_is_shown_with_its_model(model: str) -> None:
    item = catalog_pb2.PlanItem(name="Calls", meter="calls")
    texts: list[str] = []
    fill(getattr(item.usage, model), USAGE.fields_by_name[model].message_type, texts)
    item.usage.included, item.usage.minimum = "10", "20"

    shown = price_text(item)

    assert shown.startswith(f"calls, {model.replace('_', ' ')}: ")
    assert shown.endswith(", included 10, minimum 20")
    assert [text for text in texts if text not in shown] == []


def test_a_fixed_fee_and_tiers_read_like_a_price_list() -> None:
    fee = catalog_pb2.PlanItem(name="Base fee", fixed=catalog_pb2.FixedFee(amount="500.00"))
    tiers = [catalog_pb2.PriceTier(up_to="10", unit_price="0"), catalog_pb2.PriceTier(unit_price="2", flat="5")]
    calls = catalog_pb2.PlanItem(name="Calls", meter="calls")
    calls.usage.volume.tiers.extend(tiers)

    assert price_text(fee) == "fixed, amount 500.00"
    assert price_text(calls) == "calls, volume: up to 10, unit price 0; unit price 2, flat 5"


def test_every_kind_of_the_catalog_has_a_table() -> None:
    assert OF_CATALOG.keys() == KINDS.keys()


def test_invoices_stand_in_the_order_in_which_they_were_made() -> None:
    numbers = ["INV-1000000", "INV-000002", "INV-999999", "ACME-000003", "INV-1000001", "INV-000010"]

    ordered = sorted((invoice_pb2.Invoice(number=number) for number in numbers), key=by_number)

    assert [invoice.number for invoice in ordered] == [
        "ACME-000003",
        "INV-000002",
        "INV-000010",
        "INV-999999",
        "INV-1000000",
        "INV-1000001",
    ]


@pytest.mark.parametrize(
    ("seconds", "zone", "shown"),
    [
        (1_709_251_200, "UTC", "2024-03-01T00:00:00Z"),
        (1_709_251_200, "America/New_York", "2024-02-29T19:00:00-05:00"),
        (1_719_792_000, "Europe/Vienna", "2024-07-01T02:00:00+02:00"),
        # There is no hour before it that a calendar could show.
        (-62_135_596_800, "America/New_York", "0001-01-01T00:00:00Z"),
    ],
)
def test_a_time_is_shown_as_its_zone_has_it(seconds: int, zone: str, shown: str) -> None:
    assert local_time_text(Timestamp(seconds=seconds), ZoneInfo(zone)) == shown
