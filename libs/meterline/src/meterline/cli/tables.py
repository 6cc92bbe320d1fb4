"""How each kind of object looks as a row of a table; JSON and YAML have all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from metering.aggregator.v1 import meter_pb2, schema_pb2
from metering.rating.v1 import catalog_pb2
from meterline.cli.changes import size_of_discount
from meterline.cli.documents import enum_word, short_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from google.protobuf.message import Message

    from metering.aggregator.v1 import usage_pb2
    from metering.ingest.v1 import ingest_service_pb2
    from metering.invoicing.v1 import invoice_pb2
    from metering.rating.v1 import coupon_pb2

SCHEMA_COLUMNS: Final = ("event type", ">version", "properties", "unknown ones", "repairs", "from")


def schema_row(schema: schema_pb2.EventSchema) -> Sequence[str]:
    """Show a schema."""
    spec = schema.spec
    return (
        schema.name,
        str(schema.version),
        ", ".join(rule.name + ("" if rule.required else "?") for rule in spec.properties) or "-",
        "held" if spec.unknown_properties == schema_pb2.UNKNOWN_PROPERTIES_HOLD else "allowed",
        ", ".join(str(repair.WhichOneof("action")) for repair in spec.repairs) or "-",
        short_time(spec.effective_from) if spec.HasField("effective_from") else "always",
    )


METER_COLUMNS: Final = (
    "name",
    ">version",
    "aggregation",
    "value",
    "event types",
    "filter",
    "group by",
    "unit",
    "state",
)


def _conditions(spec: meter_pb2.MeterSpec) -> Iterator[str]:
    yield from (f"{entry.property} = {' | '.join(entry.values)}" for entry in spec.filters)
    if spec.filter_expression:
        yield spec.filter_expression


def _session_key(spec: meter_pb2.MeterSpec) -> str:
    return spec.session.key_property or spec.session.key_expression


def meter_row(meter: meter_pb2.Meter) -> Sequence[str]:
    """Show a meter."""
    spec = meter.spec
    return (
        meter.name,
        str(meter.version),
        enum_word(spec, "aggregation"),
        spec.value_property or spec.value_expression or _session_key(spec) or "-",
        ", ".join(spec.event_types),
        "; ".join(_conditions(spec)) or "-",
        ", ".join(spec.group_by) or "-",
        spec.unit or "-",
        "counted" if meter.filled else _filling(meter.fill),
    )


def _filling(fill: meter_pb2.FillProgress) -> str:
    if not fill.positions_total:
        return "filling"
    end = f", until about {short_time(fill.estimated_end)}" if fill.HasField("estimated_end") else ""
    return f"filling: {100 * fill.positions_done // fill.positions_total}%{end}"


PRODUCT_COLUMNS: Final = ("name", ">version", "display name", "meter")


def product_row(product: catalog_pb2.Product) -> Sequence[str]:
    """Show a product."""
    return product.name, str(product.version), product.spec.display_name or "-", product.spec.meter


PLAN_COLUMNS: Final = ("name", ">version", "currency", "from", "items")


def plan_row(plan: catalog_pb2.Plan) -> Sequence[str]:
    """Show a plan, one line per item."""
    items = "\n".join(f"{item.name}: {price_text(item)}" for item in plan.spec.items)
    return plan.name, str(plan.version), plan.spec.currency, short_time(plan.spec.effective_from), items


def price_text(item: catalog_pb2.PlanItem) -> str:
    """Say what an item costs, whatever its price model: by the names that the contract gives to the fields."""
    charge = item.WhichOneof("charge")
    about = item.product or item.meter or charge or ""
    return about if charge is None else f"{about}, {_said(getattr(item, charge))}"


def _said(message: Message) -> str:
    parts = []
    # The model first, wherever it stands in the contract, then what holds for any of them.
    for field, value in sorted(message.ListFields(), key=lambda given: given[0].containing_oneof is None):
        name = field.name.replace("_", " ")
        if field.message_type is None:
            parts.append(f"{name} {', '.join(map(str, value)) if field.is_repeated else value}")
        elif field.is_repeated:
            parts.append("; ".join(map(_said, value)))
        else:
            parts.append(f"{name}: {_said(value)}")
    return ", ".join(parts)


COUPON_COLUMNS: Final = ("name", ">version", "takes", "of", ">periods", "may be redeemed", ">redeemed", ">of at most")


def coupon_row(coupon: coupon_pb2.Coupon) -> Sequence[str]:
    """Show a coupon with how often it was redeemed."""
    spec, discount = coupon.spec, coupon.spec.discount
    taken = f"{size_of_discount(discount)} {discount.currency}".rstrip()
    days = [word for word in (spec.redeem_from and f"from {spec.redeem_from}", _before(spec.redeem_until)) if word]
    return (
        coupon.name,
        str(coupon.version),
        taken,
        ", ".join(discount.items) or "all items",
        str(discount.periods or "-"),
        ", ".join(days) or "at any time",
        str(coupon.redemption_count),
        str(spec.limit or "-"),
    )


def _before(day: str) -> str:
    return f"before {day}" if day else ""


CUSTOMER_COLUMNS: Final = ("name", ">version", "display name", "currency", "parent")


def customer_row(customer: catalog_pb2.Customer) -> Sequence[str]:
    """Show a customer."""
    spec = customer.spec
    return customer.name, str(customer.version), spec.display_name or "-", spec.currency, spec.parent or "-"


CONTRACT_COLUMNS: Final = (
    "name",
    ">version",
    "customer",
    "plan",
    "plan from",
    "start",
    "end",
    "interval",
    ">anchor",
    "zone",
)


def plan_text(named: catalog_pb2.ContractSpec | catalog_pb2.PlanRuling) -> str:
    """Say which plan is named, and which version if one is pinned."""
    return f"{named.plan} version {named.plan_version}" if named.plan_version else named.plan


def contract_row(contract: catalog_pb2.Contract) -> Sequence[str]:
    """Show a contract."""
    spec = contract.spec
    return (
        contract.name,
        str(contract.version),
        spec.customer,
        plan_text(spec),
        spec.effective_from or "-",
        spec.start,
        spec.end or "open",
        f"{spec.every} {enum_word(spec, 'interval')}" if spec.every > 1 else enum_word(spec, "interval"),
        spec.anchor or str(spec.anchor_day or "-"),
        spec.time_zone,
    )


PROFILE_COLUMNS: Final = (">version", "seller", "number prefix", "grace")


def profile_row(profile: invoice_pb2.BillingProfile) -> Sequence[str]:
    """Show the billing profile."""
    hours, rest_s = divmod(profile.spec.grace.seconds, 3600)
    grace = f"{hours} h" + (f" {rest_s} s" if rest_s else "")
    return str(profile.version), profile.spec.seller or "-", profile.spec.number_prefix, grace


BACKFILL_COLUMNS: Final = ("id", "description", "from", "to", "opened", "closed", ">accepted")


def backfill_row(backfill: ingest_service_pb2.Backfill) -> Sequence[str]:
    """Show a backfill."""
    return (
        backfill.id,
        backfill.description or "-",
        short_time(backfill.period.start),
        short_time(backfill.period.end),
        short_time(backfill.opened_at),
        _end_of(backfill),
        f"{backfill.accepted:,}",
    )


def _end_of(backfill: ingest_service_pb2.Backfill) -> str:
    if not backfill.HasField("closed_at"):
        return "open"
    return short_time(backfill.closed_at) + (", reverted" if backfill.HasField("reverted_at") else "")


PARKED_COLUMNS: Final = ("meter", "reason", "customer", "type", "source", "id", "time", "log", ">events", "why")


def parked_row(parked: usage_pb2.ParkedEvent) -> Sequence[str]:
    """Show a parked event, or a run of events that no meter counts."""
    return (
        parked.meter or "-",
        parked.reason,
        parked.customer or "-",
        parked.type,
        parked.source or "-",
        parked.id or "-",
        short_time(parked.time),
        f"{parked.lane}:{parked.position}",
        str(parked.event_count),
        parked.message,
    )


OF_CATALOG: Final[Mapping[str, tuple[Sequence[str], Callable[[Any], Sequence[str]]]]] = {
    "EventSchema": (SCHEMA_COLUMNS, schema_row),
    "Meter": (METER_COLUMNS, meter_row),
    "Product": (PRODUCT_COLUMNS, product_row),
    "Plan": (PLAN_COLUMNS, plan_row),
    "Customer": (CUSTOMER_COLUMNS, customer_row),
    "Contract": (CONTRACT_COLUMNS, contract_row),
    "Coupon": (COUPON_COLUMNS, coupon_row),
    "BillingProfile": (PROFILE_COLUMNS, profile_row),
}
"""The columns of each kind of catalog document, and its row."""
