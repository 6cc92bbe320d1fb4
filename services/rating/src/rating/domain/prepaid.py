"""Credit that a contract's commitments give: what is paid before is a lot, good for the window and what it covers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rating.domain.wallets import Lot, LotKind, LotTax

if TYPE_CHECKING:
    from datetime import datetime

    from rating.domain.charges import Terms
    from rating.domain.commitments import Promise


def prepaid_lots(terms: Terms, granted_at: datetime) -> list[Lot]:
    """Return the lots that the commitments of a period give, without numbers: the same in each period of a window."""
    return [
        Lot(
            _lot_id(terms.contract, due.promise),
            terms.customer,
            0,
            terms.closing_plan.content.currency,
            due.promise.amount,
            due.promise.window.start,
            due.promise.window.until,
            0,
            due.promise.commitment.items,
            LotKind.PAID,
            # Its fee is a line of an invoice, and taxed there.
            LotTax.PURCHASE,
            due.promise.commitment.name,
            granted_at,
            terms.contract,
        )
        for due in terms.commitments
        if due.promise.commitment.is_prepaid
    ]


def _lot_id(contract: str, promise: Promise) -> str:
    parts = (contract, promise.commitment.name, promise.window.start.isoformat())
    # Length-prefixed, so that no two different lists of parts give the same bytes.
    encoded = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return "lot_" + hashlib.sha256(encoded).hexdigest()[:40]
