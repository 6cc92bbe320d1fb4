"""What went wrong with live charges, by contract and period: for those who ask, while this process lives."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from chassis.errors import MeterlineError, Reason
from chassis.errors.refused import Refused

_KEPT_MAX: Final = 10_000
"""Bounds memory; the oldest are forgotten first."""

Key = tuple[str, str, str]
"""Tenant, contract and billing period; the period is empty where the contract's periods can't be told."""


@dataclass(frozen=True, slots=True)
class Setback:
    """Why a period could not be marked or rated."""

    reason: str
    message: str


class Setbacks:
    """The last setback of each period."""

    def __init__(self) -> None:
        self._of: OrderedDict[Key, Setback] = OrderedDict()

    def note(self, key: Key, error: Exception) -> None:
        """Keep why a period failed."""
        if isinstance(error, MeterlineError):
            setback = Setback(error.reason.value, error.message)
        elif isinstance(error, Refused):
            setback = Setback(error.reason.value, str(error))
        else:
            setback = Setback(Reason.INTERNAL.value, f"{type(error).__name__}; the service's log has the details")
        self._of[key] = setback
        self._of.move_to_end(key)
        if len(self._of) > _KEPT_MAX:
            self._of.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Forget a period that was rated."""
        self._of.pop(key, None)

    def find(self, key: Key) -> Setback | None:
        """Return why a period failed, if this process has met it."""
        return self._of.get(key)

    def without_period(self, tenant: str) -> list[tuple[str, Setback]]:
        """Return the contracts of a tenant whose periods could not be told, and why."""
        return [
            (contract, setback)
            for (owner, contract, label), setback in self._of.items()
            if owner == tenant and not label
        ]
