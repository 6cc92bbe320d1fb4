"""The billing profile: who sends the invoices, and by which rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

GRACE_DEFAULT: Final = timedelta(hours=1)
GRACE_MAX: Final = timedelta(days=90)
NUMBER_PREFIX_DEFAULT: Final = "INV"


@dataclass(frozen=True, slots=True)
class BillingProfile:
    """One version of a tenant's profile. Version 0 is the default that holds until one is applied."""

    version: int
    seller: str
    number_prefix: str
    grace: timedelta
    created_at: datetime | None = None

    def says_the_same_as(self, other: BillingProfile) -> bool:
        """Whether two versions have the same content."""
        return replace(self, version=0, created_at=None) == replace(other, version=0, created_at=None)


def default_profile(tenant: str) -> BillingProfile:
    """Return the billing profile that holds until one is applied."""
    return BillingProfile(version=0, seller=tenant, number_prefix=NUMBER_PREFIX_DEFAULT, grace=GRACE_DEFAULT)
