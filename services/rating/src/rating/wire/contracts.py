"""Contracts as messages."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.text import check_name
from eventlog.wire import period_to_proto, timestamp
from metering.rating.v1 import catalog_pb2, rating_service_pb2
from rating.domain.billing_period import Interval, Schedule, parse_day
from rating.domain.contracts import Contract, ContractPeriod
from rating.domain.versions import Applied, Version
from rating.wire.values import outcome_to_proto


def contract_from_proto(spec: catalog_pb2.ContractSpec) -> Contract:
    """Return a contract. Raises Refused."""
    check_name("customer", spec.customer)
    start = parse_day("start", spec.start)
    schedule = Schedule(
        start=start,
        end=parse_day("end", spec.end) if spec.end else None,
        anchor_day=spec.anchor_day or start.day,
        zone=spec.time_zone,
        interval=Interval.MONTH,
    )
    return Contract(spec.customer, spec.plan, spec.plan_version or None, schedule)


def contract_to_proto(contract: Version[Contract]) -> catalog_pb2.Contract:
    """Return the message of a contract; its anchor day is always said."""
    content, schedule = contract.content, contract.content.schedule
    spec = catalog_pb2.ContractSpec(
        customer=content.customer,
        plan=content.plan,
        plan_version=content.plan_version or 0,
        start=schedule.start.isoformat(),
        end="" if schedule.end is None else schedule.end.isoformat(),
        interval=catalog_pb2.BILLING_INTERVAL_MONTH,
        anchor_day=schedule.anchor_day,
        time_zone=schedule.zone,
    )
    return catalog_pb2.Contract(
        name=contract.name, version=contract.version, spec=spec, created_at=timestamp(contract.created_at)
    )


def applied_to_proto(applied: Applied[Contract]) -> rating_service_pb2.ApplyContractResponse:
    """Return what applying a contract did."""
    return rating_service_pb2.ApplyContractResponse(
        outcome=outcome_to_proto(applied.outcome), contract=contract_to_proto(applied.entry)
    )


def periods_to_proto(periods: Sequence[ContractPeriod]) -> rating_service_pb2.ListBillingPeriodsResponse:
    """Return the list of billing periods."""
    return rating_service_pb2.ListBillingPeriodsResponse(
        periods=[
            rating_service_pb2.ContractPeriod(
                contract=due.contract,
                billing_period=due.period.label,
                period=period_to_proto(due.period),
                currency=due.currency,
            )
            for due in periods
        ]
    )
