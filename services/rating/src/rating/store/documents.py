"""Plan items and charges as plain JSON documents: decimals as text, `null` for what is absent.

A document written once is read forever: names may be added, with a meaning when absent, and never change. (Prices were
called `unit` until they became `unitPrice`; both are read.)
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from eventlog.period import Period
from money import format_decimal, format_exact, parse_exact
from rating.domain.boundaries import Interval
from rating.domain.cells import Cell, Cells
from rating.domain.charges import Charge, ChargeKind
from rating.domain.fees import Billing, Once
from rating.domain.plans import PlanItem
from rating.domain.pricing import MODELS
from rating.domain.pricing.adjust import ADJUSTMENTS, adjustments_of
from rating.domain.pricing.calendar import Calendar, CalendarClass
from rating.domain.pricing.convert import Conversion, Rounding
from rating.domain.pricing.each_event import EachEvent
from rating.domain.pricing.fields import fields_of, from_plain, to_plain
from rating.domain.pricing.matrix import Condition, Matrix, MatrixRow
from rating.domain.pricing.per_key import PerKey
from rating.domain.pricing.price import Price
from rating.domain.pricing.rows import Derivation, Step, StepName, TierRow
from rating.domain.pricing.spread import Ladder
from rating.domain.proration import DayShare, Proration
from rating.domain.reads import Read
from rating.domain.ruling import RatedSegment
from rating.domain.segments import ChargedPart
from rating.store.commitments import basis_from_document, basis_to_document
from rating.store.drawn import drawn_from_document, drawn_to_document
from rating.store.seats import days_from_document, days_to_document, rule_from_document, rule_to_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rating.domain.pricing.model import PriceModel
    from rating.domain.pricing.spread import Spread

Document = dict[str, Any]
_FORMER_KEYS: Final = {"unitPrice": "unit"}


# --- prices ----------------------------------------------------------------------------------------------------------


def item_to_document(item: PlanItem) -> Document:
    """Return a plan item as a document."""
    document: Document = {"name": item.name, "meter": item.meter, "product": item.product}
    document.update(price_to_document(item.price))
    if item.proration is not Proration.NONE:
        document["proration"] = item.proration.value
    if item.once is not Once.NONE:
        document["once"] = item.once.value
    if item.billing is not Billing.ARREARS:
        document["billing"] = item.billing.value
    if item.interval is not None:
        document["interval"] = item.interval.value
    if item.cost is not None:
        document["cost"] = price_to_document(item.cost)
    return document


def price_to_document(price: Price) -> Document:
    """Return a price as a document."""
    document: Document = {"model": _model_to_document(price.model)}
    document.update((adjustment.KIND, format_decimal(adjustment.value)) for adjustment in price.adjustments)
    if price.convert is not None:
        document["convert"] = _conversion_to_document(price.convert)
    if price.spread is not None:
        document["spread"] = _spread_to_document(price.spread)
    if price.calendar is not None:
        document["calendar"] = _calendar_to_document(price.calendar)
    if price.seats is not None:
        document["seats"] = rule_to_document(price.seats)
    return document


def item_from_document(document: Mapping[str, Any]) -> PlanItem:
    """Return a plan item."""
    price = price_from_document(document)
    proration, once = Proration(document.get("proration", "NONE")), Once(document.get("once", "NONE"))
    interval = Interval(document["interval"]) if "interval" in document else None
    billing = Billing(document.get("billing", "ARREARS"))
    name, meter, product = document["name"], document["meter"], document["product"]
    cost = price_from_document(document["cost"]) if "cost" in document else None
    return PlanItem(name, meter, product, price, proration, once=once, billing=billing, interval=interval, cost=cost)


def price_from_document(document: Mapping[str, Any]) -> Price:
    """Return a price."""
    given = {kind.KIND: _optional_decimal(document.get(kind.KIND)) for kind in ADJUSTMENTS}
    convert = _conversion_from_document(document["convert"]) if "convert" in document else None
    spread = _spread_from_document(document["spread"]) if "spread" in document else None
    calendar = _calendar_from_document(document["calendar"]) if "calendar" in document else None
    seats = rule_from_document(document["seats"]) if "seats" in document else None
    return Price(_model_from_document(document["model"]), adjustments_of(given), convert, spread, calendar, seats=seats)


def _spread_to_document(spread: Spread) -> Document:
    document: Document = {"by": list(spread.by), "ladder": spread.ladder.value}
    if isinstance(spread, EachEvent):
        document["each"] = "EVENT"
        if spread.inner is not None:
            document["inner"] = _spread_to_document(spread.inner)
    if isinstance(spread, Matrix):
        document["rows"] = [_matrix_row_to_document(row) for row in spread.rows]
        document["otherwiseIncluded"] = _optional_text(spread.otherwise_included)
    return document


def _spread_from_document(document: Mapping[str, Any]) -> Spread:
    by, ladder = tuple(document["by"]), Ladder(document["ladder"])
    if "each" in document:
        inner = document.get("inner")
        return EachEvent(by, ladder, None if inner is None else _spread_from_document(inner))
    if "rows" not in document:
        return PerKey(by, ladder)
    rows = tuple(_matrix_row_from_document(row) for row in document["rows"])
    return Matrix(by, ladder, rows, _optional_decimal(document["otherwiseIncluded"]))


def _calendar_to_document(calendar: Calendar) -> Document:
    return {
        "zone": calendar.zone,
        "classes": [
            {"name": one.name, "days": sorted(one.days), "begins": one.begins, "ends": one.ends}
            for one in calendar.classes
        ],
        "except": [day.isoformat() for day in sorted(calendar.left_out)],
        "otherwise": calendar.otherwise,
    }


def _calendar_from_document(document: Mapping[str, Any]) -> Calendar:
    classes = tuple(
        CalendarClass(one["name"], frozenset(one["days"]), one["begins"], one["ends"]) for one in document["classes"]
    )
    left_out = frozenset(date.fromisoformat(day) for day in document["except"])
    return Calendar(classes, document["otherwise"], document["zone"], left_out)


def _matrix_row_to_document(row: MatrixRow) -> Document:
    return {
        "when": [{"property": one.key, "values": list(one.values), "prefixes": list(one.prefixes)} for one in row.when],
        "model": _model_to_document(row.model),
        "included": _optional_text(row.included),
    }


def _matrix_row_from_document(document: Mapping[str, Any]) -> MatrixRow:
    when = tuple(Condition(one["property"], tuple(one["values"]), tuple(one["prefixes"])) for one in document["when"])
    return MatrixRow(when, _model_from_document(document["model"]), _optional_decimal(document["included"]))


def _model_to_document(model: PriceModel) -> Document:
    return {"kind": _key(model.KIND), **_keyed(to_plain(model))}


def _conversion_to_document(convert: Conversion) -> Document:
    return {
        "multiply": _optional_text(convert.multiply),
        "divide": _optional_text(convert.divide),
        "increment": _optional_text(convert.increment),
        "rounding": None if convert.rounding is None else convert.rounding.value,
        "unit": convert.unit,
    }


def _conversion_from_document(document: Mapping[str, Any]) -> Conversion:
    return Conversion(
        multiply=_optional_decimal(document["multiply"]),
        divide=_optional_decimal(document["divide"]),
        increment=_optional_decimal(document["increment"]),
        rounding=None if document["rounding"] is None else Rounding(document["rounding"]),
        unit=document["unit"],
    )


def _model_from_document(document: Mapping[str, Any]) -> PriceModel:
    kind = next((model for model in MODELS if _key(model.KIND) == document["kind"]), None)
    if kind is None:
        raise ValueError(f"a stored price has the model {document['kind']!r}, which this release does not know")
    return from_plain(kind, _plain(document, kind), lambda _, text: Decimal(text))


def _plain(document: Mapping[str, Any], kind: type) -> Document:
    plain: Document = {}
    for field in fields_of(kind):
        key = _key(field.name)
        content = document.get(key, document.get(_FORMER_KEYS.get(key, key)))
        plain[field.name] = content
        if field.record is not None:
            plain[field.name] = [_plain(entry, field.record) for entry in content or ()]
    return plain


def _keyed(plain: Document) -> Document:
    return {
        _key(name): [_keyed(entry) for entry in content] if isinstance(content, list) else content
        for name, content in plain.items()
    }


def _key(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


# --- charges ---------------------------------------------------------------------------------------------------------


def charge_to_document(charge: Charge) -> Document:
    """Return a charge as a document."""
    return {
        "item": charge.item,
        "kind": charge.kind.value,
        "meter": charge.meter,
        "unit": charge.unit,
        "quantity": format_decimal(charge.quantity),
        "eventCount": charge.event_count,
        "exactAmount": format_exact(charge.derivation.amount),
        "tiers": [_row_to_document(row) for row in charge.derivation.rows],
        "steps": [_step_to_document(step) for step in charge.derivation.steps],
        # Absent where nothing is rounded, so that what is stored, and its digest, stay as they are.
        **({} if charge.rounded is None else {"rounded": format_decimal(charge.rounded)}),
        **({} if charge.share is None else _share_to_document(charge.share)),
        **({} if charge.cells is None else {"cells": _cells_to_document(charge.cells)}),
        **({"reads": [_read_to_document(read) for read in charge.reads]} if charge.reads else {}),
        **({} if charge.part is None else {"part": _part_to_document(charge.part)}),
        **({} if charge.basis is None else {"basis": basis_to_document(charge.basis)}),
        **({} if charge.drawn is None else {"drawn": drawn_to_document(charge.drawn)}),
    }


def charge_from_document(document: Mapping[str, Any]) -> Charge:
    """Return a charge."""
    derivation = Derivation(
        amount=parse_exact(document["exactAmount"]),
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
        rounded=Decimal(document["rounded"]) if "rounded" in document else None,
        share=_share_from_document(document) if "days" in document else None,
        cells=_cells_from_document(document["cells"]) if "cells" in document else None,
        reads=tuple(map(_read_from_document, document.get("reads", ()))),
        part=_part_from_document(document["part"]) if "part" in document else None,
        basis=basis_from_document(document["basis"]) if "basis" in document else None,
        drawn=drawn_from_document(document["drawn"]) if "drawn" in document else None,
    )


def _share_to_document(share: DayShare) -> Document:
    seats = {"seats": days_to_document(share.seats)} if share.seats else {}
    return {"days": share.days, "ofDays": share.of_days, **seats}


def _share_from_document(document: Mapping[str, Any]) -> DayShare:
    return DayShare(document["days"], document["ofDays"], days_from_document(document.get("seats", ())))


def _read_to_document(read: Read) -> Document:
    return {
        "name": read.name,
        "meter": read.meter,
        "unit": read.unit,
        "quantity": format_decimal(read.quantity),
        "eventCount": read.event_count,
        "rounded": _optional_text(read.rounded),
    }


def _read_from_document(document: Mapping[str, Any]) -> Read:
    return Read(
        document["name"],
        document["meter"],
        document["unit"],
        Decimal(document["quantity"]),
        document["eventCount"],
        _optional_decimal(document["rounded"]),
    )


def segments_to_document(segments: Sequence[RatedSegment]) -> list[Document]:
    """Return the segments of a period that was rated as a document."""
    return [
        {
            **_span_to_document(one.start, one.end),
            "plan": one.plan,
            "planVersion": one.plan_version,
            **({"continues": True} if one.continues else {}),
        }
        for one in segments
    ]


def segments_from_document(documents: Sequence[Mapping[str, Any]]) -> tuple[RatedSegment, ...]:
    """Return the segments of a period that was rated."""
    return tuple(
        RatedSegment(*_span_of(one), one["plan"], one["planVersion"], continues="continues" in one) for one in documents
    )


def _part_to_document(part: ChargedPart) -> Document:
    span = _span_to_document(part.period.start, part.period.end)
    return {**span, "plan": part.plan, "planVersion": part.plan_version, "item": part.item}


def _part_from_document(document: Mapping[str, Any]) -> ChargedPart:
    period = Period(*_span_of(document))
    return ChargedPart(period, document["plan"], document["planVersion"], document["item"])


def _span_to_document(start: datetime, end: datetime) -> Document:
    return {"start": start.astimezone(UTC).isoformat(), "end": end.astimezone(UTC).isoformat()}


def _span_of(document: Mapping[str, Any]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(document["start"]), datetime.fromisoformat(document["end"])


def _cells_to_document(cells: Cells) -> Document:
    return {
        "by": list(cells.by),
        "cells": [
            {
                "values": list(cell.values),
                "quantity": format_exact(cell.quantity),
                "eventCount": cell.event_count,
                **({} if cell.rounded is None else {"rounded": format_decimal(cell.rounded)}),
            }
            for cell in cells.cells
        ],
    }


def _cells_from_document(document: Mapping[str, Any]) -> Cells:
    cells = (
        Cell(
            tuple(one["values"]),
            Decimal(one["quantity"]),
            one["eventCount"],
            Decimal(one["rounded"]) if "rounded" in one else None,
        )
        for one in document["cells"]
    )
    return Cells(tuple(document["by"]), tuple(cells))


def _row_to_document(row: TierRow) -> Document:
    return {
        "upTo": _optional_text(row.up_to),
        "quantity": format_exact(row.quantity),
        "unitPrice": format_decimal(row.unit_price),
        "flat": format_decimal(row.flat),
        "amount": format_exact(row.amount),
        **({"row": row.row} if row.row else {}),
    }


def _row_from_document(document: Mapping[str, Any]) -> TierRow:
    return TierRow(
        up_to=_optional_decimal(document["upTo"]),
        quantity=parse_exact(document["quantity"]),
        unit_price=Decimal(document["unitPrice"] if "unitPrice" in document else document["unit"]),
        flat=Decimal(document["flat"]),
        amount=parse_exact(document["amount"]),
        row=document.get("row", ""),
    )


def _step_to_document(step: Step) -> Document:
    return {"name": step.name.value, "text": step.text, "value": format_exact(step.value)}


def _step_from_document(document: Mapping[str, Any]) -> Step:
    return Step(StepName(document["name"]), document["text"], parse_exact(document["value"]))


def _optional_text(value: Decimal | None) -> str | None:
    return None if value is None else format_decimal(value)


def _optional_decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
