"""What the seller sells: plans with their versions, and who has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pydantic import Field

from portal.domain.plans import PlanItem
from portal.domain.views import View


class PlanVersion(View):
    """A version of a plan; versions never change."""

    version: int
    currency: str
    description: str
    effective_from: datetime | None = Field(description="Periods that start then or later; null = when it was applied.")
    created_at: datetime = Field(description="When it was applied.")
    name: str
    is_coming: bool = Field(description="Whether it prices only periods that start later than now.")
    items: tuple[PlanItem, ...]


class PlanContract(View):
    """Who is on a plan."""

    contract: str
    customer: str
    start: date
    end: date | None = Field(description="First day after the contract; null = open.")
    pinned_version: int | None = Field(description="Version that the contract keeps; null = the one in force.")
    effective_from: date | None = Field(description="Day from which it is on this plan; null = its first day.")
    is_coming: bool = Field(description="Whether it has not begun, or is not on this plan yet.")


class CatalogPlan(View):
    """A plan with its newest versions, and the contracts that are on it."""

    name: str
    versions: tuple[PlanVersion, ...] = Field(description="The newest first; at most ten.")
    version_count: int
    contracts: tuple[PlanContract, ...] = Field(description="By name; at most 200.")
    contract_count: int


class Catalog(View):
    """A page of plans by name."""

    plans: tuple[CatalogPlan, ...]
    all_contracts: bool = Field(description="False where there are more contracts than were looked at.")
    next: str | None = Field(description="What to send as `after` for the next page; null on the last.")


@dataclass(frozen=True, slots=True)
class PlanVersions:
    """Plans by name, and what names the page after them; empty on the last."""

    plans: Sequence[PlanVersion]
    next: str


@dataclass(frozen=True, slots=True)
class KnownContract:
    """A contract of the catalog."""

    name: str
    customer: str
    plan: str
    plan_version: int
    start: date
    end: date | None
    effective_from: date | None


@dataclass(frozen=True, slots=True)
class ContractPage:
    """Contracts by name, and what names the page after them; empty on the last."""

    contracts: Sequence[KnownContract]
    next: str


def is_coming(version: PlanVersion, now: datetime) -> bool:
    """Whether a version prices only periods that start later than `now`."""
    return version.effective_from is not None and version.effective_from > now


def contract_on(contract: KnownContract, today: date) -> PlanContract:
    """Return what the catalog shows of a contract."""
    begins = max(filter(None, (contract.start, contract.effective_from)))
    return PlanContract(
        contract=contract.name,
        customer=contract.customer,
        start=contract.start,
        end=contract.end,
        pinned_version=contract.plan_version or None,
        effective_from=contract.effective_from if contract.effective_from != contract.start else None,
        is_coming=begins > today,
    )
