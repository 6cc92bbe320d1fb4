"""Catalogue entries: messages to domain values and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors import Reason
from eventlog.wire import instant_from_proto, timestamp
from metering.rating.v1 import catalog_pb2 as pb
from money import INPUT, ZERO, InvalidDecimalError, format_decimal, parse_decimal
from rating.domain.billing_period import Interval, Schedule, parse_day
from rating.domain.catalog import Contract, Customer, Plan, PlanItem, Product, Version
from rating.domain.price import FixedFee, Graduated, Package, PerUnit, Price, Tier, Volume
from rating.domain.problems import InvalidEntryError
from rating.domain.text import check_text
from rating.wire.refusals import inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from google.protobuf.timestamp_pb2 import Timestamp

    from rating.domain.price import PriceModel


# --- products and customers ------------------------------------------------------------------------------------------


def product_from_proto(spec: pb.ProductSpec) -> Product:
    """Read a product. Raises InvalidEntryError."""
    return Product(spec.display_name, spec.meter)


def product_to_proto(product: Version[Product]) -> pb.Product:
    """Render a product."""
    content = product.content
    return pb.Product(
        name=product.name,
        version=product.version,
        spec=pb.ProductSpec(display_name=content.display_name, meter=content.meter),
        created_at=timestamp(product.created_at),
    )


def customer_from_proto(spec: pb.CustomerSpec) -> Customer:
    """Read a customer. Raises InvalidEntryError."""
    return Customer(spec.display_name, spec.currency)


def customer_to_proto(customer: Version[Customer]) -> pb.Customer:
    """Render a customer."""
    content = customer.content
    return pb.Customer(
        name=customer.name,
        version=customer.version,
        spec=pb.CustomerSpec(display_name=content.display_name, currency=content.currency),
        created_at=timestamp(customer.created_at),
    )


# --- plans -----------------------------------------------------------------------------------------------------------


def plan_from_proto(spec: pb.PlanSpec, meters_of_products: Mapping[str, str]) -> Plan:
    """Read a plan; items that name a product price its meter. Raises InvalidEntryError."""
    items = []
    for position, item in enumerate(spec.items):
        with inside(f"items[{position}]"):
            items.append(_item_from_proto(item, meters_of_products))
    effective_from = None
    if spec.HasField("effective_from"):
        effective_from = _instant("effective_from", spec.effective_from)
    return Plan(spec.currency, tuple(items), spec.description, effective_from)


def plan_to_proto(plan: Version[Plan]) -> pb.Plan:
    """Render a plan."""
    content = plan.content
    spec = pb.PlanSpec(
        currency=content.currency,
        items=[item_to_proto(item) for item in content.items],
        description=content.description,
    )
    if content.effective_from is not None:
        spec.effective_from.CopyFrom(timestamp(content.effective_from))
    return pb.Plan(name=plan.name, version=plan.version, spec=spec, created_at=timestamp(plan.created_at))


def _item_from_proto(item: pb.PlanItem, meters_of_products: Mapping[str, str]) -> PlanItem:
    if item.meter and item.product:
        raise InvalidEntryError("product", Reason.PLAN_INVALID, "name either the meter or the product, not both")
    match item.WhichOneof("charge"):
        case "fixed":
            price = Price(FixedFee(_decimal("fixed.amount", item.fixed.amount)))
        case "usage":
            with inside("usage"):
                price = _usage_price_from_proto(item.usage)
        case _:
            raise InvalidEntryError("charge", Reason.FIELD_REQUIRED, "say what the item costs: fixed or usage")
    meter = meters_of_products[item.product] if item.product and not price.is_fixed else item.meter
    return PlanItem(item.name, meter, item.product, price)


def item_to_proto(item: PlanItem) -> pb.PlanItem:
    """Render a plan item as it was applied: by its product if it named one."""
    message = pb.PlanItem(name=item.name, meter="" if item.product else item.meter, product=item.product)
    if isinstance(item.price.model, FixedFee):
        message.fixed.amount = format_decimal(item.price.model.amount)
        return message
    usage = message.usage
    match item.price.model:
        case PerUnit(unit=unit):
            usage.per_unit.unit = format_decimal(unit)
        case Graduated(tiers=tiers):
            usage.graduated.tiers.extend(_tiers_to_proto(tiers))
        case Volume(tiers=tiers):
            usage.volume.tiers.extend(_tiers_to_proto(tiers))
        case Package(size=size, unit=unit):
            usage.package.size = format_decimal(size)
            usage.package.unit = format_decimal(unit)
    if item.price.included:
        usage.included = format_decimal(item.price.included)
    if item.price.minimum is not None:
        usage.minimum = format_decimal(item.price.minimum)
    return message


def _usage_price_from_proto(usage: pb.UsagePrice) -> Price:
    return Price(
        model=_model_from_proto(usage),
        included=_decimal("included", usage.included) if usage.included else ZERO,
        minimum=_decimal("minimum", usage.minimum) if usage.minimum else None,
    )


def _model_from_proto(usage: pb.UsagePrice) -> PriceModel:
    model = usage.WhichOneof("model")
    if model is None:
        message = "say how usage is priced: per_unit, graduated, volume or package"
        raise InvalidEntryError("model", Reason.FIELD_REQUIRED, message)
    with inside(model):
        match model:
            case "per_unit":
                return PerUnit(_decimal("unit", usage.per_unit.unit))
            case "graduated":
                return Graduated(_tiers_from_proto(usage.graduated.tiers))
            case "volume":
                return Volume(_tiers_from_proto(usage.volume.tiers))
            case "package":
                return Package(_decimal("size", usage.package.size), _decimal("unit", usage.package.unit))


def _tiers_from_proto(tiers: Iterable[pb.PriceTier]) -> tuple[Tier, ...]:
    read = []
    for position, tier in enumerate(tiers):
        with inside(f"tiers[{position}]"):
            up_to = _decimal("up_to", tier.up_to) if tier.up_to else None
            flat = _decimal("flat", tier.flat) if tier.flat else ZERO
            read.append(Tier(up_to, _decimal("unit", tier.unit), flat))
    return tuple(read)


def _tiers_to_proto(tiers: Iterable[Tier]) -> list[pb.PriceTier]:
    return [
        pb.PriceTier(
            up_to="" if tier.up_to is None else format_decimal(tier.up_to),
            unit=format_decimal(tier.unit),
            flat=format_decimal(tier.flat) if tier.flat else "",
        )
        for tier in tiers
    ]


# --- contracts -------------------------------------------------------------------------------------------------------


def contract_from_proto(spec: pb.ContractSpec) -> Contract:
    """Read a contract. Raises InvalidEntryError."""
    check_text("customer", spec.customer)
    start = parse_day("start", spec.start)
    schedule = Schedule(
        start=start,
        end=parse_day("end", spec.end) if spec.end else None,
        anchor_day=spec.anchor_day or start.day,
        zone=spec.time_zone,
        interval=Interval.MONTH,
    )
    return Contract(spec.customer, spec.plan, spec.plan_version or None, schedule)


def contract_to_proto(contract: Version[Contract]) -> pb.Contract:
    """Render a contract; its anchor day is always said."""
    content, schedule = contract.content, contract.content.schedule
    spec = pb.ContractSpec(
        customer=content.customer,
        plan=content.plan,
        plan_version=content.plan_version or 0,
        start=schedule.start.isoformat(),
        end="" if schedule.end is None else schedule.end.isoformat(),
        interval=pb.BILLING_INTERVAL_MONTH,
        anchor_day=schedule.anchor_day,
        time_zone=schedule.zone,
    )
    return pb.Contract(
        name=contract.name, version=contract.version, spec=spec, created_at=timestamp(contract.created_at)
    )


# --- values ----------------------------------------------------------------------------------------------------------


def _instant(field: str, message: Timestamp) -> datetime:
    try:
        return instant_from_proto(message)
    except ValueError as error:
        raise InvalidEntryError(field, Reason.TIME_INVALID, str(error)) from error


def _decimal(field: str, text: str) -> Decimal:
    try:
        return parse_decimal(text, INPUT, allow_negative=False)
    except InvalidDecimalError as error:
        raise InvalidEntryError(field, Reason.PRICE_INVALID, error.message) from error
