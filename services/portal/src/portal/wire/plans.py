"""Plans and their prices as messages."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from eventlog.wire import instant_from_proto
from metering.rating.v1 import catalog_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from money import format_decimal
from portal.domain.plans import PlanItem, PlanPage, PlanRow, PlanTier, PriceQuestion, PriceQuote
from portal.wire.agreed import agreed_from_proto
from portal.wire.charges import steps_from_proto, tiers_from_proto
from portal.wire.values import exact_text, optional_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from metering.rating.v1 import rating_service_pb2 as pb


def price_list_from_proto(message: pb.GetPriceListResponse, units: Mapping[str, str]) -> PlanPage:
    """Return the plan of a period; `units` has the unit of each meter."""
    plan, contract = message.plan, message.contract.spec
    meters = {product.name: product.spec.meter for product in message.products}
    items = (item_from_proto(item, units, meters) for item in plan.spec.items)
    return PlanPage(
        plan=plan.name,
        version=plan.version,
        description=plan.spec.description,
        currency=plan.spec.currency,
        contract=message.contract.name,
        start=date.fromisoformat(contract.start),
        end=date.fromisoformat(contract.end) if contract.end else None,
        time_zone=contract.time_zone,
        billing_period=message.billing_period,
        items=tuple(with_overrides(item, message.overrides) for item in items),
        agreed=agreed_from_proto(contract, _first_day(message)),
    )


def _first_day(message: pb.GetPriceListResponse) -> date:
    return (
        instant_from_proto(message.period.start).astimezone(ZoneInfo(message.contract.spec.time_zone or "UTC")).date()
    )


def with_overrides(item: PlanItem, overrides: Iterable[catalog_pb2.ContractOverride]) -> PlanItem:
    """Return an item with what the contract multiplies its price by; another price of its own it has already."""
    own = [each.multiplier for each in overrides if each.item == item.item and each.multiplier]
    return item.model_copy(update={"times": Decimal(own[0])}) if own else item


def item_from_proto(message: catalog_pb2.PlanItem, units: Mapping[str, str], meters: Mapping[str, str]) -> PlanItem:
    """Return one item; `units` has the unit of each meter, `meters` the meter of each product."""
    meter = message.meter or meters.get(message.product, "")
    values = _item(message.name, meter, units.get(meter, ""))
    if message.WhichOneof("charge") == "fixed":
        return PlanItem(**{**values, "amount": Decimal(message.fixed.amount)})
    if message.WhichOneof("charge") == "seats":
        kind = message.seats.WhichOneof("price") or ""
        return PlanItem(**{**values, "unit": _SEATS, **_MODELS[kind](getattr(message.seats, kind))})
    values |= _usage(message.usage)
    if message.usage.WhichOneof("model") == "matrix":
        values["rows"] = tuple(_rows(message.usage.matrix, values))
    return PlanItem(**values)


def _item(name: str, meter: str, unit: str) -> dict[str, Any]:
    return {
        "item": name,
        "label": name,
        "meter": meter,
        "unit": unit,
        "model": "fixed",
        "amount": None,
        "unit_price": None,
        "block_size": None,
        "is_converted": False,
        "included": None,
        "minimum": None,
        "tiers": (),
    }


def _rows(matrix: catalog_pb2.MatrixPrice, item: Mapping[str, Any]) -> Iterator[PlanRow]:
    for row in (*matrix.rows, matrix.otherwise):
        values = "; ".join(map(_condition, row.when))
        own = {**_item(item["item"], item["meter"], item["unit"]), "included": optional_decimal(row.included) or None}
        yield PlanRow(values=values, price=PlanItem(**{**own, **_model(row)}))


def _calendar(message: catalog_pb2.Calendar) -> str:
    """Return the hours of classes in letters and figures that need no language; empty without any."""
    told = []
    for one in message.classes:
        days = ", ".join(catalog_pb2.Weekday.Name(day).removeprefix("WEEKDAY_") for day in one.days)
        hours = f"{getattr(one, 'from') or '00:00'}-{one.to or '24:00'}"
        told.append(" ".join(part for part in (one.name, days, hours) if part))
    zone = f" ({message.zone})" if message.zone else ""
    left_out = getattr(message, "except")
    without = f" - {', '.join(left_out)}" if left_out else ""
    return f"{'; '.join(told)}{without}; {message.otherwise}{zone}" if told else ""


def _condition(message: catalog_pb2.MatrixCondition) -> str:
    found = [value or "(none)" for value in message.values] or [f"{prefix}…" for prefix in message.prefixes]
    return f"{message.property} {', '.join(found)}"


def _usage(price: catalog_pb2.UsagePrice) -> dict[str, Any]:
    included = optional_decimal(price.included)
    found: dict[str, Any] = {
        "included": included or None,
        "minimum": optional_decimal(price.minimum),
        "maximum": optional_decimal(price.maximum),
        "per_key": tuple(price.per_key),
        "is_together": price.ladder == catalog_pb2.LADDER_TOTAL,
        "calendar": _calendar(price.calendar),
        "is_each_event": price.scope == catalog_pb2.PRICE_SCOPE_EVENT,
    }
    if price.HasField("convert"):
        found["is_converted"] = True
        found |= {"unit": price.convert.unit} if price.convert.unit else {}
    return {**found, **_model(price)}


def _model(price: catalog_pb2.UsagePrice | catalog_pb2.MatrixRow) -> dict[str, Any]:
    kind = price.WhichOneof("model")
    if kind is None or kind not in _MODELS:
        message = f"rating knows a price model that the portal does not: {kind}; run the release of the suite"
        raise ValueError(message)
    return _MODELS[kind](getattr(price, kind))


def _package(message: catalog_pb2.PackagePrice) -> dict[str, Any]:
    return {"model": "package", "block_size": Decimal(message.size), "amount": Decimal(message.unit_price)}


def _tier(message: catalog_pb2.PriceTier) -> PlanTier:
    return PlanTier(
        up_to=optional_decimal(message.up_to),
        unit_price=Decimal(message.unit_price),
        flat=optional_decimal(message.flat) or None,
    )


def _share(message: catalog_pb2.PercentageTier) -> PlanTier:
    return PlanTier(
        up_to=optional_decimal(message.up_to),
        unit_price=None,
        flat=optional_decimal(message.flat) or None,
        percent=Decimal(message.rate),
    )


def _bracket(message: catalog_pb2.StairstepTier) -> PlanTier:
    return PlanTier(up_to=optional_decimal(message.up_to), unit_price=None, flat=Decimal(message.amount))


def _percentage(message: catalog_pb2.PercentagePrice) -> dict[str, Any]:
    fees = {
        "event_fee": optional_decimal(message.fee),
        "free_events": optional_decimal(message.free_events),
        "event_minimum": optional_decimal(message.event_minimum),
        "event_maximum": optional_decimal(message.event_maximum),
    }
    return {"model": "percentage", "percent": Decimal(message.rate), **fees}


def _formula(message: catalog_pb2.FormulaPrice) -> str:
    names = ", ".join(f"{one.name}: {one.meter}" for one in message.components)
    return f"{message.expression} ({names})"


_SEATS: Final = "seats"
"""As rating calls the unit of their charges."""

_MODELS: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "per_unit": lambda one: {"model": "perUnit", "unit_price": Decimal(one.unit_price)},
    "graduated": lambda one: {"model": "graduated", "tiers": tuple(map(_tier, one.tiers))},
    "volume": lambda one: {"model": "volume", "tiers": tuple(map(_tier, one.tiers))},
    "package": _package,
    "stairstep": lambda one: {"model": "stairstep", "tiers": tuple(map(_bracket, one.tiers))},
    "percentage": _percentage,
    "graduated_percentage": lambda one: {"model": "graduatedPercentage", "tiers": tuple(map(_share, one.tiers))},
    "dynamic": lambda one: {"model": "dynamic", "factor": Decimal(one.factor or "1")},
    "cost_plus": lambda one: {"model": "costPlus", "percent": Decimal(one.markup)},
    "matrix": lambda _: {"model": "matrix"},
    "formula": lambda one: {"model": "formula", "formula": _formula(one)},
}
"""What the figures of each price model are."""


def questions_to_proto(contract: str, billing_period: str, questions: Iterable[PriceQuestion]) -> pb.QuotePriceRequest:
    """Return the question what quantities would cost."""
    return rating_pb.QuotePriceRequest(
        contract=contract,
        billing_period=billing_period,
        questions=[rating_pb.PriceQuestion(item=one.item, quantity=format_decimal(one.quantity)) for one in questions],
    )


def quote_from_proto(message: pb.PriceQuote) -> PriceQuote:
    """Return what a quantity would cost."""
    return PriceQuote(
        item=message.item,
        quantity=Decimal(message.quantity),
        amount=Decimal(message.amount),
        exact_amount=exact_text(message.exact_amount),
        steps=steps_from_proto(message.steps),
        tiers=tiers_from_proto(message.tiers),
    )


def used_from_proto(message: pb.ListChargesResponse) -> dict[str, Decimal]:
    """Return what each meter has counted."""
    return {charge.meter: Decimal(charge.quantity) for charge in message.charges if charge.meter}
