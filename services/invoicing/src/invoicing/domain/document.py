"""The content of an invoice, and its frozen form: the one place that writes and reads the text whose digest is chained.

Canonical JSON: UTF-8, keys sorted by code point, no spaces, no escapes beyond those JSON demands, every number that has
a meaning beyond counting as text, times as RFC 3339 in UTC with microseconds only where they are not zero. It is the
subset of RFC 8785 (JSON Canonicalization Scheme) that needs no number formatting. Anybody can recompute both hashes:

    digest = SHA-256(canonical JSON)
    chain  = SHA-256(chain of the invoice before || digest)      32 zero bytes before the first

The key of a field is its name in camel case. A field with a default is left out where it has that value, and a document
written before the field existed reads as if it had it. So a new field is a line here, and no old document changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cache
from typing import Any, Final, TypeVar, get_args, get_type_hints

from eventlog.as_of import AsOf
from eventlog.period import Period
from money import DERIVED, ZERO, Exact, currency, format_decimal, format_exact, parse_decimal, parse_exact

FORMAT: Final = "meterline-invoice-v1"
MONEY: Final = {"money": True}
"""Metadata of an amount that is written with all decimal places of the invoice's currency."""

Content = TypeVar("Content")


class UnreadableDocumentError(ValueError):
    """A text that is not a frozen invoice."""


class LineKind(StrEnum):
    """What a line is for; the names are those of the contract, without its prefix."""

    USAGE = "USAGE"
    FIXED = "FIXED"
    ADJUSTMENT = "ADJUSTMENT"
    DISCOUNT = "DISCOUNT"
    BOUND = "BOUND"
    COMMITMENT = "COMMITMENT"
    CREDIT = "CREDIT"

    @property
    def has_events(self) -> bool:
        """Whether usage may be behind it."""
        return self in {LineKind.USAGE, LineKind.ADJUSTMENT}

    @property
    def has_price(self) -> bool:
        """Whether an item of the plan says what it costs; others follow from the lines before them."""
        return self in {LineKind.USAGE, LineKind.FIXED, LineKind.ADJUSTMENT}


class InvoiceKind(StrEnum):
    """What an invoice is for; the names are those of the contract, without its prefix."""

    PERIOD = "PERIOD"
    CLOSING = "CLOSING"


@dataclass(frozen=True, slots=True)
class Tier:
    """A row of the price model; `up_to` is None where the tier has no end, a flat fee of zero is written as ""."""

    up_to: Decimal | None
    quantity: Exact
    unit_price: Decimal = field(metadata={"formerly": "unit"})
    flat: Decimal = field(metadata={"blank": ZERO})
    amount: Exact
    row: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line. Its id and traceparent are given when the invoice is issued; a draft names no charge and no snapshot.

    Quantity, amount and event count of an adjustment are changes; exact amount, tiers and priced quantity are of the
    whole period as it is now. `priced_quantity` is None where the quantity itself is priced. `contract` is empty where
    it is that of the invoice. `revision` is that of the service period; 0 in a draft, and in a document of an older
    release.
    """

    id: str
    kind: LineKind
    item: str
    meter: str
    unit: str
    quantity: Decimal
    amount: Decimal = field(metadata=MONEY)
    exact_amount: Exact
    tiers: tuple[Tier, ...]
    period: Period
    billing_period: str
    plan: str
    plan_version: int
    charge_id: str
    snapshot_id: str
    event_count: int
    traceparent: str
    adjusts_line_id: str = ""
    billed_before: Decimal | None = field(default=None, metadata=MONEY)
    contract: str = ""
    revision: int = 0
    priced_quantity: Exact | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """The content of an invoice. A draft has no number, and was never made final.

    A closing invoice has no contract, the period of the run that made it, and spans the periods that it adjusts.
    `profile_version` and `grace_s` are those of the billing profile it was made by; -1 in a draft, and in a document of
    an older release.
    """

    number: str
    seller: str
    customer: str
    customer_name: str
    contract: str
    currency: str
    billing_period: str
    period: Period
    time_zone: str
    lines: tuple[InvoiceLine, ...]
    total: Decimal = field(metadata=MONEY)
    as_of: AsOf
    finalized_at: datetime | None
    previous_chain: bytes
    kind: InvoiceKind = InvoiceKind.PERIOD
    profile_version: int = -1
    grace_s: int = -1

    @property
    def is_credit(self) -> bool:
        """Whether the seller owes the customer its total."""
        return self.total < ZERO

    def line(self, line_id: str) -> InvoiceLine:
        """Return a line that the invoice is known to hold."""
        return next(line for line in self.lines if line.id == line_id)


def write(invoice: Invoice) -> bytes:
    """Return the frozen form of a final invoice."""
    content = _written(invoice, currency(invoice.currency).minor_units)
    document = {"format": FORMAT, **content}
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def read(document: bytes) -> Invoice:
    """Return the invoice that `write` froze. Raises UnreadableDocumentError for any other text."""
    try:
        content = json.loads(document)
        if content.pop("format") != FORMAT:
            raise UnreadableDocumentError(f"its format is not {FORMAT}")
        return _read_object(content, Invoice)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnreadableDocumentError(f"the text is not an invoice: {error}") from error


# --- by type: how a value is written, and how it is read -----------------------------------------------------------


def _written(content: Any, minor_units: int) -> dict[str, Any]:
    document = {}
    for part in fields(content):
        value = getattr(content, part.name)
        if part.default is MISSING or value != part.default:
            document[_key(part)] = _text(value, part, minor_units)
    return document


def _text(value: Any, part: Field[Any], minor_units: int) -> Any:  # noqa: PLR0911 - one line for each type
    if value is None or value == part.metadata.get("blank", MISSING):
        return ""
    match value:
        case Decimal():
            return format_decimal(value, places_min=minor_units if "money" in part.metadata else 0)
        case Fraction():
            return format_exact(value)
        case str() | int():
            return str(value)
        case bytes():
            return value.hex()
        case datetime():
            return _time(value)
        case Period():
            return {"start": _time(value.start), "end": _time(value.end)}
        case AsOf():
            lanes = sorted(value.positions.items())
            return {
                "epoch": value.epoch,
                "lanes": [{"lane": str(lane), "position": str(position)} for lane, position in lanes],
            }
        case _:
            return [_written(entry, minor_units) for entry in value]


def _read_object(document: Mapping[str, Any], kind: type[Content]) -> Content:
    hints = _hints(kind)  # type: ignore[arg-type]  # classes are hashable, type variables hide it
    values = {}
    for part in fields(kind):  # type: ignore[arg-type]  # every kind read here is a dataclass
        key = _key(part)
        if key not in document:
            key = part.metadata.get("formerly", key)
        if key in document or part.default is MISSING:
            values[part.name] = _value(document[key], hints[part.name], part)
    return kind(**values)


def _value(text: Any, hint: Any, part: Field[Any]) -> Any:
    if text == "" and hint not in (str, bytes):
        return part.metadata.get("blank")
    if entry := next((kind for kind in get_args(hint) if hasattr(kind, "__dataclass_fields__")), None):
        return tuple(_read_object(document, entry) for document in text)
    return _READERS[hint](text)


def _as_of(document: Mapping[str, Any]) -> AsOf:
    lanes = {int(entry["lane"]): int(entry["position"]) for entry in document["lanes"]}
    return AsOf(document["epoch"], lanes)


def _decimal(text: str) -> Decimal:
    return parse_decimal(text, DERIVED)


_READERS: Final[Mapping[Any, Any]] = {
    str: str,
    int: int,
    LineKind: LineKind,
    InvoiceKind: InvoiceKind,
    bytes: bytes.fromhex,
    Decimal: _decimal,
    Decimal | None: _decimal,
    Exact: parse_exact,
    Exact | None: parse_exact,
    datetime | None: datetime.fromisoformat,
    Period: lambda text: Period(datetime.fromisoformat(text["start"]), datetime.fromisoformat(text["end"])),
    AsOf: _as_of,
}


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


@cache
def _key(part: Field[Any]) -> str:
    first, *others = part.name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
