"""Catalogue documents as the messages that the services take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import meter_pb2
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
from metering.rating.v1 import catalog_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.errors import InputError
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class CatalogObject:
    """One document of a catalogue file; `place` says for people where it stands."""

    kind: str
    name: str
    spec: Mapping[str, Any]
    place: str


def meter_spec(spec: Mapping[str, Any]) -> meter_pb2.MeterSpec:
    """Read the spec of a Meter."""
    message = meter_pb2.MeterSpec(
        event_types=spec["eventTypes"],
        aggregation=meter_pb2.Aggregation.Value(f"AGGREGATION_{spec['aggregation']}"),
        value_property=spec.get("value", ""),
        filters=[
            meter_pb2.PropertyFilter(property=key, values=values if isinstance(values, list) else [values])
            for key, values in spec.get("filter", {}).items()
        ],
        group_by=spec.get("groupBy", []),
        unit=spec.get("unit", ""),
        bucket_minutes=int(spec.get("bucketMinutes", 0)),
        description=spec.get("description", ""),
    )
    _set_effective_from(message, spec)
    return message


def plan_spec(spec: Mapping[str, Any]) -> catalog_pb2.PlanSpec:
    """Read the spec of a Plan."""
    message = catalog_pb2.PlanSpec(
        currency=spec["currency"],
        items=[_plan_item(item) for item in spec["items"]],
        description=spec.get("description", ""),
    )
    _set_effective_from(message, spec)
    return message


def _plan_item(item: Mapping[str, Any]) -> catalog_pb2.PlanItem:
    message = catalog_pb2.PlanItem(name=item["name"], meter=item.get("meter", ""), product=item.get("product", ""))
    if "fixed" in item:
        message.fixed.amount = item["fixed"]["amount"]
    else:
        message.usage.CopyFrom(_usage_price(item["price"]))
    return message


def _usage_price(price: Mapping[str, Any]) -> catalog_pb2.UsagePrice:
    message = catalog_pb2.UsagePrice(included=price.get("included", ""), minimum=price.get("minimum", ""))
    if "perUnit" in price:
        message.per_unit.unit_price = price["perUnit"]
    elif "graduated" in price:
        message.graduated.tiers.extend(_tier(tier) for tier in price["graduated"]["tiers"])
    elif "volume" in price:
        message.volume.tiers.extend(_tier(tier) for tier in price["volume"]["tiers"])
    else:
        message.package.size = price["package"]["size"]
        message.package.unit_price = price["package"]["unit"]
    return message


def _tier(tier: Mapping[str, Any]) -> catalog_pb2.PriceTier:
    return catalog_pb2.PriceTier(up_to=tier.get("upTo", ""), unit_price=tier["unit"], flat=tier.get("flat", ""))


def contract_spec(spec: Mapping[str, Any]) -> catalog_pb2.ContractSpec:
    """Read the spec of a Contract."""
    return catalog_pb2.ContractSpec(
        customer=spec["customer"],
        plan=spec["plan"],
        plan_version=int(spec.get("planVersion", 0)),
        start=spec["start"],
        end=spec.get("end", ""),
        interval=catalog_pb2.BillingInterval.Value(f"BILLING_INTERVAL_{spec.get('interval', 'MONTH')}"),
        anchor_day=int(spec.get("anchorDay", 0)),
        time_zone=spec["timeZone"],
    )


def profile_spec(spec: Mapping[str, Any]) -> invoice_pb2.BillingProfileSpec:
    """Read the spec of a BillingProfile."""
    grace_hours = spec.get("graceHours")
    return invoice_pb2.BillingProfileSpec(
        seller=spec.get("seller", ""),
        number_prefix=spec.get("numberPrefix", "INV"),
        grace=None if grace_hours is None else Duration(seconds=int(grace_hours) * 3600),
    )


def _set_effective_from(message: meter_pb2.MeterSpec | catalog_pb2.PlanSpec, spec: Mapping[str, Any]) -> None:
    if "effectiveFrom" not in spec:
        return
    try:
        moment = datetime.fromisoformat(spec["effectiveFrom"])
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        timestamp = Timestamp()
        timestamp.FromDatetime(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        raise InputError(f"effectiveFrom {spec['effectiveFrom']!r} is no time; write 2013-01-01T00:00:00Z") from None
    message.effective_from.CopyFrom(timestamp)


def _product_spec(spec: Mapping[str, Any]) -> catalog_pb2.ProductSpec:
    return catalog_pb2.ProductSpec(display_name=spec.get("displayName", ""), meter=spec["meter"])


def _customer_spec(spec: Mapping[str, Any]) -> catalog_pb2.CustomerSpec:
    return catalog_pb2.CustomerSpec(display_name=spec.get("displayName", ""), currency=spec["currency"])


def meter_request(entry: CatalogObject) -> aggregator_pb.ApplyMeterRequest:
    """Make the request that applies a Meter. Raises InputError."""
    return aggregator_pb.ApplyMeterRequest(request_id=uuid7(), name=entry.name, spec=meter_spec(entry.spec))


def profile_request(entry: CatalogObject) -> invoicing_pb.ApplyBillingProfileRequest:
    """Make the request that applies the BillingProfile."""
    return invoicing_pb.ApplyBillingProfileRequest(request_id=uuid7(), spec=profile_spec(entry.spec))


def catalog_entry(entry: CatalogObject) -> rating_pb.CatalogEntry:
    """Make the entry of a Product, Plan, Customer or Contract. Raises InputError."""
    if entry.kind == "Product":
        product = rating_pb.ApplyProductRequest(name=entry.name, spec=_product_spec(entry.spec))
        return rating_pb.CatalogEntry(product=product)
    if entry.kind == "Plan":
        return rating_pb.CatalogEntry(plan=rating_pb.ApplyPlanRequest(name=entry.name, spec=plan_spec(entry.spec)))
    if entry.kind == "Customer":
        customer = rating_pb.ApplyCustomerRequest(name=entry.name, spec=_customer_spec(entry.spec))
        return rating_pb.CatalogEntry(customer=customer)
    contract = rating_pb.ApplyContractRequest(name=entry.name, spec=contract_spec(entry.spec))
    return rating_pb.CatalogEntry(contract=contract)
