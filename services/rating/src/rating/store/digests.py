"""Digests of what is frozen: SHA-256 over the canonical JSON of all that a rated period and its charges say."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import TYPE_CHECKING, Any

from rating.store.documents import segments_to_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from rating.domain.charges import RatedPeriod


def charge_digest(
    tenant: str, rated: RatedPeriod, rated_at: datetime, ordinal: int, document: Mapping[str, Any]
) -> bytes:
    """Return the digest of a charge, given its document: it covers the period that the charge belongs to as well."""
    return _digest_of({"period": _head(tenant, rated, rated_at), "ordinal": ordinal, "charge": document})


def period_digest(tenant: str, rated: RatedPeriod, rated_at: datetime, charge_digests: Sequence[bytes]) -> bytes:
    """Return the digest of a rated period with the digests of its charges in their order: none can go or come."""
    charges = [digest.hex() for digest in charge_digests]
    return _digest_of({"period": _head(tenant, rated, rated_at), "charges": charges})


def _head(tenant: str, rated: RatedPeriod, rated_at: datetime) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "contract": rated.contract,
        "customer": rated.customer,
        "billing_period": rated.period.label,
        "start": _time(rated.period.start),
        "end": _time(rated.period.end),
        "plan": rated.plan,
        "plan_version": rated.plan_version,
        "currency": rated.currency,
        "as_of": rated.as_of.document(),
        "snapshot_id": rated.snapshot_id,
        "amends_snapshot_id": rated.amends_snapshot_id,
        "traceparent": rated.traceparent,
        "rated_at": _time(rated_at),
        # Absent where nothing cut the period, so that what is stored keeps its digest.
        **({"segments": segments_to_document(rated.segments)} if rated.segments else {}),
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _digest_of(document: object) -> bytes:
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).digest()
