"""Plan items and charges as plain JSON documents, for the store: decimals as text, `null` for what is absent.

A document written once is read for ever: names may be added, with a meaning when absent, and never change.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, assert_never

from money import format_decimal
from rating.domain.catalog import PlanItem
from rating.domain.charge import Charge, ChargeKind
from rating.domain.price import FixedFee, Graduated, Package, PerUnit, Price, Tier, Volume
from rating.domain.tariff import Derivation, Step, StepName, TierRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rating.domain.price import PriceModel

Document = dict[str, Any]


def item_to_document(item: PlanItem) -> Document:
    """Give a plan item as a document."""
    return {
        "name": item.name,
        "meter": item.meter,
        "product": item.product,
        "model": _model_to_document(item.price.model),
        "included": format_decimal(item.price.included),
        "minimum": _optional_text(item.price.minimum),
    }


def item_from_document(document: Mapping[str, Any]) -> PlanItem:
    """Read a plan item."""
    price = Price(
        model=_model_from_document(document["model"]),
        included=Decimal(document["included"]),
        minimum=_optional_decimal(document["minimum"]),
    )
    return PlanItem(document["name"], document["meter"], document["product"], price)


def _model_to_document(model: PriceModel) -> Document:
    match model:
        case FixedFee(amount=amount):
            return {"kind": "fixed", "amount": format_decimal(amount)}
        case PerUnit(unit=unit):
            return {"kind": "perUnit", "unit": format_decimal(unit)}
        case Graduated(tiers=tiers):
            return {"kind": "graduated", "tiers": [_tier_to_document(tier) for tier in tiers]}
        case Volume(tiers=tiers):
            return {"kind": "volume", "tiers": [_tier_to_document(tier) for tier in tiers]}
        case Package(size=size, unit=unit):
            return {"kind": "package", "size": format_decimal(size), "unit": format_decimal(unit)}
        case _:
            assert_never(model)


def _model_from_document(document: Mapping[str, Any]) -> PriceModel:
    match document["kind"]:
        case "fixed":
            return FixedFee(Decimal(document["amount"]))
        case "perUnit":
            return PerUnit(Decimal(document["unit"]))
        case "graduated":
            return Graduated(_tiers_from_document(document["tiers"]))
        case "volume":
            return Volume(_tiers_from_document(document["tiers"]))
        case "package":
            return Package(Decimal(document["size"]), Decimal(document["unit"]))
        case unknown:
            raise ValueError(f"a stored price has the model {unknown!r}, which this release does not know")


def _tier_to_document(tier: Tier) -> Document:
    return {
        "upTo": _optional_text(tier.up_to),
        "unit": format_decimal(tier.unit),
        "flat": format_decimal(tier.flat),
    }


def _tiers_from_document(documents: Iterable[Mapping[str, Any]]) -> tuple[Tier, ...]:
    return tuple(
        Tier(_optional_decimal(tier["upTo"]), Decimal(tier["unit"]), Decimal(tier["flat"])) for tier in documents
    )


def charge_to_document(charge: Charge) -> Document:
    """Give a charge as a document."""
    return {
        "item": charge.item,
        "kind": charge.kind.value,
        "meter": charge.meter,
        "unit": charge.unit,
        "quantity": format_decimal(charge.quantity),
        "eventCount": charge.event_count,
        "exactAmount": format_decimal(charge.derivation.amount),
        "tiers": [_row_to_document(row) for row in charge.derivation.rows],
        "steps": [_step_to_document(step) for step in charge.derivation.steps],
    }


def charge_from_document(document: Mapping[str, Any]) -> Charge:
    """Read a charge."""
    derivation = Derivation(
        amount=Decimal(document["exactAmount"]),
        rows=tuple(_row_from_document(row) for row in document["tiers"]),
        steps=tuple(_step_from_document(step) for step in document["steps"]),
    )
    return Charge(
        item=document["item"],
        kind=ChargeKind(document["kind"]),
        meter=document["meter"],
        unit=document["unit"],
        quantity=Decimal(document["quantity"]),
        event_count=document["eventCount"],
        derivation=derivation,
    )


def _row_to_document(row: TierRow) -> Document:
    return {
        "upTo": _optional_text(row.up_to),
        "quantity": format_decimal(row.quantity),
        "unit": format_decimal(row.unit),
        "flat": format_decimal(row.flat),
        "amount": format_decimal(row.amount),
    }


def _row_from_document(document: Mapping[str, Any]) -> TierRow:
    return TierRow(
        up_to=_optional_decimal(document["upTo"]),
        quantity=Decimal(document["quantity"]),
        unit=Decimal(document["unit"]),
        flat=Decimal(document["flat"]),
        amount=Decimal(document["amount"]),
    )


def _step_to_document(step: Step) -> Document:
    return {"name": step.name.value, "text": step.text, "value": format_decimal(step.value)}


def _step_from_document(document: Mapping[str, Any]) -> Step:
    return Step(StepName(document["name"]), document["text"], Decimal(document["value"]))


def _optional_text(value: Decimal | None) -> str | None:
    return None if value is None else format_decimal(value)


def _optional_decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
