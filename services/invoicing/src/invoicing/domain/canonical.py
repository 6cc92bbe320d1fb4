"""The frozen form of an invoice: canonical JSON, its digest, and the hash chain of a series.

Canonical JSON: UTF-8, keys sorted by code point, no spaces, no escapes beyond those JSON demands, every number that has
a meaning beyond counting as text, times as RFC 3339 in UTC with microseconds only where they are not zero. It is the
subset of RFC 8785 (JSON Canonicalization Scheme) that needs no number formatting. Anybody can recompute both hashes:

    digest = SHA-256(canonical JSON)
    chain  = SHA-256(chain of the invoice before || digest)      32 zero bytes before the first
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from money import currency, format_decimal

if TYPE_CHECKING:
    from datetime import datetime

    from eventlog.as_of import AsOf
    from eventlog.period import Period
    from invoicing.domain.invoice import DraftLine, InvoiceDraft, IssuedLine, Tier

FORMAT: Final = "meterline-invoice-v1"


def digest_of(canonical_json: bytes) -> bytes:
    """Hash the frozen text of an invoice."""
    return hashlib.sha256(canonical_json).digest()


def chain_of(previous_chain: bytes, digest: bytes) -> bytes:
    """Give the chain hash of an invoice from that of the one before and its own digest."""
    return hashlib.sha256(previous_chain + digest).digest()


def canonical_json(
    number: str, draft: InvoiceDraft, lines: tuple[IssuedLine, ...], finalized_at: datetime, previous_chain: bytes
) -> bytes:
    """Write the frozen form of an invoice."""
    minor_units = currency(draft.currency).minor_units
    document = {
        "format": FORMAT,
        "number": number,
        "seller": draft.seller,
        "customer": draft.customer,
        "customerName": draft.customer_name,
        "contract": draft.contract,
        "currency": draft.currency,
        "billingPeriod": draft.billing_period,
        "period": _period(draft.period),
        "timeZone": draft.time_zone,
        "lines": [_line(issued, minor_units) for issued in lines],
        "total": format_decimal(draft.total, places_min=minor_units),
        "asOf": _as_of(draft.as_of),
        "finalizedAt": _time(finalized_at),
        "previousChain": previous_chain.hex(),
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _line(issued: IssuedLine, minor_units: int) -> dict[str, Any]:
    line = issued.line
    document: dict[str, Any] = {
        "id": issued.id,
        "kind": str(line.kind),
        "item": line.item,
        "meter": line.meter,
        "unit": line.unit,
        "quantity": format_decimal(line.quantity),
        "amount": format_decimal(line.amount, places_min=minor_units),
        "exactAmount": format_decimal(line.exact_amount),
        "tiers": [_tier(tier) for tier in line.tiers],
        "period": _period(line.period),
        "billingPeriod": line.billing_period,
        "plan": line.plan,
        "planVersion": str(line.plan_version),
        "chargeId": line.charge_id,
        "snapshotId": line.snapshot_id,
        "eventCount": str(line.event_count),
        "traceparent": issued.traceparent,
    }
    return document | _adjusted(line)


def _adjusted(line: DraftLine) -> dict[str, str]:
    return {"adjustsLineId": line.adjusts_line_id} if line.adjusts_line_id else {}


def _tier(tier: Tier) -> dict[str, str]:
    return {
        "upTo": tier.up_to,
        "quantity": tier.quantity,
        "unit": tier.unit,
        "flat": tier.flat,
        "amount": tier.amount,
    }


def _period(period: Period) -> dict[str, str]:
    return {"start": _time(period.start), "end": _time(period.end)}


def _as_of(as_of: AsOf) -> dict[str, Any]:
    return {
        "epoch": as_of.epoch,
        "lanes": [{"lane": str(lane), "position": str(position)} for lane, position in sorted(as_of.positions.items())],
    }


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
