"""Usage that no invoice will have, with the reason and the command that mends it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import Field

from portal.domain.views import Answer, Quantity, View

MEANINGS: Final[Mapping[str, str]] = {
    "UNKNOWN_CUSTOMER": "The catalog has no customer of this key: apply it with a contract, or mend the key.",
    "NO_CONTRACT": "The customer has no contract: apply one that starts early enough.",
    "BEFORE_CONTRACT": "It happened before the customer's first contract starts.",
    "BETWEEN_CONTRACTS": "It happened between two contracts of the customer.",
    "AFTER_CONTRACT": "It happened after the last contract ended: apply one that follows, or move the end.",
    "NO_PLAN": "No version of the contract's plan is effective when the period starts.",
    "UNPRICED": "No item of the plan prices the meter in this period.",
    "PARKED": "The meter can't count these events; the command says why, event by event.",
    "NO_METER": "No meter asks for events of this type: apply one, and it counts them.",
}
_APPLY: Final = "meterline apply -f catalog.yaml"


class UnbilledRow(View):
    """Usage of one customer, meter and period that no invoice will have as things are."""

    customer: str | None = Field(description="Key of the customer; null for events that no meter asks for.")
    meter: str | None
    reason: str = Field(examples=["NO_CONTRACT"])
    detail: str | None = Field(description="Why it is parked, or the type of events that no meter asks for.")
    meaning: str = Field(description="The reason in one sentence.")
    command: str = Field(description="The command that shows more or mends it.")
    contract: str | None
    billing_period: str | None
    event_count: int
    quantity: Quantity | None = Field(description="Null where nothing counts them.")
    unit: str
    first_time: datetime = Field(description="When the first of the events happened.")
    last_time: datetime | None = Field(description="When the last of them happened; null where that is not kept.")


class UnbilledPage(Answer):
    """A page by customer, period and meter. It may be short and not be the last."""

    rows: tuple[UnbilledRow, ...]
    filled: bool = Field(description="False while past events of a meter are still being counted.")
    next: str | None = Field(description="What to send as `after` for the next page; null on the last.")


def meaning_of(reason: str) -> str:
    """Return a reason in words."""
    return MEANINGS[reason]


def command_for(reason: str, customer: str, meter: str) -> str:
    """Return the command that mends it, or that shows what is to be mended."""
    if reason != "PARKED":
        return _APPLY
    return f"meterline get parked {shlex.quote(meter)} --customer {shlex.quote(customer)}"
