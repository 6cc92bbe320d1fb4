"""Plans as messages. Models are read and written by their fields; none is known by name here."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused, all_of, each_of, inside
from chassis.text import check_name
from eventlog.wire import timestamp
from metering.rating.v1 import catalog_pb2, rating_service_pb2
from money import format_decimal
from rating.domain.boundaries import Interval
from rating.domain.currencies import check_currency
from rating.domain.fees import Billing, Once
from rating.domain.notice_rule import PERIODS_DEFAULT, NoticeRule
from rating.domain.plans import ItemDraft, PlanDraft
from rating.domain.pricing.adjust import ADJUSTMENTS, adjustments_of
from rating.domain.pricing.convert import Conversion, Rounding
from rating.domain.pricing.price import Price
from rating.domain.proration import Proration
from rating.wire.calendars import calendar_from_proto, calendar_to_proto
from rating.wire.features import feature_from_proto, feature_to_proto
from rating.wire.models import model_from_proto, model_to_proto
from rating.wire.plan_bounds import bound_to_proto, bounds_from_proto
from rating.wire.seats import seats_price_from_proto, seats_price_to_proto
from rating.wire.spreads import spread_from_proto, spread_to_proto
from rating.wire.taking_effect import effect_from_proto, existing_said, takes_effect_to_proto
from rating.wire.values import decimal_in, instant_in, outcome_to_proto

if TYPE_CHECKING:
    from rating.domain.plans import Plan, PlanChange, PlanItem
    from rating.domain.versions import Applied, Version


_ROUNDING: Final = "QUANTITY_ROUNDING_"
# Left out means none, and is not told where it was left out.
_PRORATIONS: Final = {
    Proration.NONE: catalog_pb2.PRORATION_UNSPECIFIED,
    Proration.DAY: catalog_pb2.PRORATION_DAY,
}
_ONCE: Final = {
    Once.NONE: catalog_pb2.ONCE_UNSPECIFIED,
    Once.START: catalog_pb2.ONCE_START,
    Once.END: catalog_pb2.ONCE_END,
}
_BILLING: Final = {
    Billing.ARREARS: catalog_pb2.BILLING_UNSPECIFIED,
    Billing.ADVANCE: catalog_pb2.BILLING_ADVANCE,
}
_INTERVALS: Final[dict[Interval | None, Any]] = {
    None: catalog_pb2.BILLING_INTERVAL_UNSPECIFIED,
    **{interval: catalog_pb2.BillingInterval.Value(f"BILLING_INTERVAL_{interval.value}") for interval in Interval},
}
_INTERVAL_BY_NUMBER: Final = {number: interval for interval, number in _INTERVALS.items()}
_ONCE_BY_NUMBER: Final = {number: once for once, number in _ONCE.items()}


def plan_from_proto(spec: catalog_pb2.PlanSpec) -> PlanDraft:
    """Return a plan whose products are not looked up yet. Raises Refused."""
    _, items, features, description, effective_from, notice, bounds, effect = all_of(
        lambda: check_currency("currency", spec.currency),
        lambda: each_of("items", spec.items, _item_from_proto),
        lambda: each_of("features", spec.features, feature_from_proto),
        lambda: check_name("description", spec.description),
        lambda: instant_in("effective_from", spec.effective_from) if spec.HasField("effective_from") else None,
        lambda: _notice_from_proto(spec.notice) if spec.HasField("notice") else None,
        lambda: bounds_from_proto(spec),
        lambda: effect_from_proto(spec),
    )
    return PlanDraft(
        spec.currency, items, description, effective_from, features, notice=notice, bounds=bounds, effect=effect
    )


def plan_to_proto(plan: Version[Plan]) -> catalog_pb2.Plan:
    """Return the message of a plan for the seller: with what its items cost it."""
    message = plan_to_customers(plan)
    for told, item in zip(message.spec.items, plan.content.items, strict=True):
        if item.cost is not None:
            told.cost.CopyFrom(catalog_pb2.ItemCost(**price_to_proto(item.cost)))
    return message


def plan_to_customers(plan: Version[Plan]) -> catalog_pb2.Plan:
    """Return the message of a plan as customers may see it."""
    content = plan.content
    spec = catalog_pb2.PlanSpec(
        currency=content.currency,
        items=[item_to_proto(item) for item in content.items],
        description=content.description,
        features=map(feature_to_proto, content.features),
        notice=None if content.notice is None else catalog_pb2.NoticeRule(**asdict(content.notice)),
        minimum=bound_to_proto(content.bounds.minimum),
        maximum=bound_to_proto(content.bounds.maximum),
        takes_effect=takes_effect_to_proto(content.effect),
        effective_for_existing=existing_said(content.effect),
    )
    if content.effective_from is not None:
        spec.effective_from.CopyFrom(timestamp(content.effective_from))
    return catalog_pb2.Plan(name=plan.name, version=plan.version, spec=spec, created_at=timestamp(plan.created_at))


def item_to_proto(item: PlanItem) -> catalog_pb2.PlanItem:
    """Return the message of a plan item as it was applied, by its product if it named one, without what it costs."""
    price, meter = item.price, "" if item.product else item.meter
    return catalog_pb2.PlanItem(
        name=item.name,
        meter=meter,
        product=item.product,
        proration=_PRORATIONS[item.proration],
        once=_ONCE[item.once],
        billing=_BILLING[item.billing],
        interval=_INTERVALS[item.interval],
        **price_to_proto(price),
    )


def price_to_proto(price: Price) -> dict[str, Any]:
    """Return a price as the one field of an item that has it."""
    if price.seats is not None:
        return seats_price_to_proto(price, price.seats)
    model = model_to_proto(price.model)
    if price.is_fixed:
        return model
    in_plans = (each for each in price.adjustments if isinstance(each, ADJUSTMENTS))
    adjustments = {adjustment.KIND: format_decimal(adjustment.value) for adjustment in in_plans}
    convert = None if price.convert is None else _conversion_to_proto(price.convert)
    usage: Any = {**model, **adjustments, "convert": convert}
    if price.spread is not None:
        calendar = None if price.calendar is None else calendar_to_proto(price.calendar)
        usage = {**adjustments, "convert": convert, **spread_to_proto(price.spread, price.model), "calendar": calendar}
    return {"usage": usage}


def applied_to_proto(applied: Applied[Plan]) -> rating_service_pb2.ApplyPlanResponse:
    """Return what applying a plan did."""
    return rating_service_pb2.ApplyPlanResponse(
        outcome=outcome_to_proto(applied.outcome), plan=plan_to_proto(applied.entry)
    )


def change_to_proto(change: PlanChange) -> catalog_pb2.PlanChange:
    """Return the message of what a new version changes."""
    effective_from = change.after.content.effective_from
    return catalog_pb2.PlanChange(
        plan=change.after.name,
        version_before=change.after.version - 1,
        version=change.after.version,
        effective_from=None if effective_from is None else timestamp(effective_from),
        frozen_periods=change.frozen_periods,
        notice_days=0 if change.after.content.notice is None else change.after.content.notice.days,
    )


def _notice_from_proto(notice: catalog_pb2.NoticeRule) -> NoticeRule:
    with inside("notice"):
        return NoticeRule(notice.days, notice.periods or PERIODS_DEFAULT, notice.increase_only)


def _item_from_proto(item: catalog_pb2.PlanItem) -> ItemDraft:
    for field in ("name", "meter", "product"):
        check_name(field, getattr(item, field))
    if item.meter and item.product:
        raise Refused("product", Reason.PLAN_INVALID, "name either the meter or the product, not both")
    price = price_from_proto(item, item.WhichOneof("charge"))
    if price is None:
        raise Refused("charge", Reason.FIELD_REQUIRED, "say what the item costs: price, of a meter, or fixed, or seats")
    proration = Proration.DAY if item.proration == catalog_pb2.PRORATION_DAY else Proration.NONE
    billing = Billing.ADVANCE if item.billing == catalog_pb2.BILLING_ADVANCE else Billing.ARREARS
    once = _ONCE_BY_NUMBER[item.once]
    interval = _INTERVAL_BY_NUMBER[item.interval]
    return ItemDraft(
        item.name,
        item.meter,
        item.product,
        price,
        proration,
        once=once,
        billing=billing,
        interval=interval,
        cost=_cost_from_proto(item),
    )


def _cost_from_proto(item: catalog_pb2.PlanItem) -> Price | None:
    if not item.HasField("cost"):
        return None
    with inside("cost"):
        price = price_from_proto(item.cost, item.cost.WhichOneof("charge"))
        if price is None:
            raise Refused("charge", Reason.FIELD_REQUIRED, "say what the item costs you, or leave its cost out")
        return price


def price_from_proto(
    message: catalog_pb2.PlanItem | catalog_pb2.ContractOverride | catalog_pb2.ItemCost, field: str | None
) -> Price | None:
    """Return the price in a field of a message; None where there is none. Raises Refused."""
    if field == "usage":
        with inside("usage"):
            return _usage_price_from_proto(message.usage)
    if field == "seats" and not isinstance(message, catalog_pb2.ItemCost):
        return seats_price_from_proto(message.seats)
    return None if field is None else Price(model_from_proto(field, message))


def _usage_price_from_proto(usage: catalog_pb2.UsagePrice) -> Price:
    spread, model = spread_from_proto(usage)
    texts = {adjustment.KIND: getattr(usage, adjustment.KIND) for adjustment in ADJUSTMENTS}
    adjustments = adjustments_of({kind: decimal_in(kind, text) for kind, text in texts.items() if text})
    with inside("convert"):
        convert = _conversion_from_proto(usage.convert) if usage.HasField("convert") else None
    with inside("calendar"):
        calendar = calendar_from_proto(usage.calendar) if usage.HasField("calendar") else None
    return Price(model, adjustments, convert, spread, calendar)


def _conversion_from_proto(message: catalog_pb2.Conversion) -> Conversion:
    texts = {name: getattr(message, name) for name in ("multiply", "divide", "increment")}
    check_name("unit", message.unit)
    name = catalog_pb2.QuantityRounding.Name(message.rounding).removeprefix(_ROUNDING)
    if message.rounding:
        texts["increment"] = texts["increment"] or "1"
    return Conversion(
        **{name: decimal_in(name, text) for name, text in texts.items() if text},
        rounding=Rounding(name) if message.rounding else None,
        unit=message.unit,
    )


def _conversion_to_proto(convert: Conversion) -> catalog_pb2.Conversion:
    given = {"multiply": convert.multiply, "divide": convert.divide, "increment": convert.increment}
    rounding = "UNSPECIFIED" if convert.rounding is None else convert.rounding.value
    return catalog_pb2.Conversion(
        **{name: format_decimal(value) for name, value in given.items() if value is not None},
        rounding=catalog_pb2.QuantityRounding.Value(f"{_ROUNDING}{rounding}"),
        unit=convert.unit,
    )
