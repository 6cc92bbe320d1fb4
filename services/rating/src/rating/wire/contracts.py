"""Contracts as messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused, each_of
from chassis.text import check_name
from eventlog.wire import period_to_proto, timestamp
from metering.rating.v1 import catalog_pb2, rating_service_pb2
from money import format_decimal
from rating.domain.billing_period import make_schedule, parse_day
from rating.domain.boundaries import Interval, counts_months
from rating.domain.contract_changes import ContractChange, PlanTurn, PricedPeriods
from rating.domain.contracts import Contract, ContractPeriod, labels_of_month
from rating.domain.discounts import Discount, first_day_after_periods
from rating.domain.pauses import Pause
from rating.domain.ruling import Ruling
from rating.domain.versions import Applied, Version
from rating.wire.commitments import commitment_from_proto, commitment_to_proto
from rating.wire.overrides import override_from_proto, override_to_proto
from rating.wire.seats import seats_from_proto, seats_to_proto
from rating.wire.values import optional_decimal_in, outcome_to_proto

if TYPE_CHECKING:
    from chassis.rpc.pages import Page
    from rating.domain.billing_period import Schedule
    from rating.operations.contracts import FoundContract


_INTERVALS: Final = {
    catalog_pb2.BillingInterval.Value(f"BILLING_INTERVAL_{interval.value}"): interval for interval in Interval
}
_INTERVALS_TO_PROTO: Final = {interval: number for number, interval in _INTERVALS.items()}


def contract_from_proto(spec: catalog_pb2.ContractSpec) -> Contract:
    """Return a contract. Raises Refused."""
    check_name("customer", spec.customer)
    schedule = make_schedule(
        parse_day("start", spec.start),
        parse_day("end", spec.end) if spec.end else None,
        spec.time_zone,
        # One that the contract refuses is told as that; what else is wrong is told beside it.
        _INTERVALS.get(spec.interval, Interval.MONTH),
        every=spec.every,
        anchor_day=spec.anchor_day,
        anchor=parse_day("anchor", spec.anchor) if spec.anchor else None,
    )
    effective_from = parse_day("effective_from", spec.effective_from) if spec.effective_from else None
    reason = check_name("reason", spec.reason)
    pauses = each_of("pauses", spec.pauses, _pause_from_proto)
    discounts = each_of("discounts", spec.discounts, lambda message: _discount_from_proto(message, schedule))
    overrides = each_of("overrides", spec.overrides, lambda message: override_from_proto(message, schedule))
    commitments = each_of("commitments", spec.commitments, commitment_from_proto)
    seats = each_of("seats", spec.seats, lambda message: seats_from_proto(message, schedule.start))
    plan = (spec.plan, spec.plan_version or None)
    return Contract(
        spec.customer,
        *plan,
        schedule,
        effective_from,
        reason,
        pauses,
        discounts,
        overrides,
        mid_period=spec.mid_period,
        commitments=commitments,
        extends=spec.extends,
        seats=seats,
    )


def _pause_from_proto(message: catalog_pb2.ContractPause) -> Pause:
    return Pause(parse_day("start", message.start), parse_day("until", message.until) if message.until else None)


def _pause_to_proto(pause: Pause) -> catalog_pb2.ContractPause:
    return catalog_pb2.ContractPause(
        start=pause.start.isoformat(), until="" if pause.until is None else pause.until.isoformat()
    )


def _discount_from_proto(message: catalog_pb2.ContractDiscount, schedule: Schedule) -> Discount:
    start = parse_day("start", message.start) if message.start else schedule.start
    until = parse_day("until", message.until) if message.until else None
    if message.periods:
        if until is not None:
            raise Refused("periods", Reason.CONTRACT_INVALID, "says until when, as `until` does; leave one of them out")
        until = first_day_after_periods(schedule, start, message.periods)
    return Discount(
        check_name("name", message.name),
        optional_decimal_in("percent", message.percent),
        optional_decimal_in("amount", message.amount),
        tuple(message.items),
        start,
        until,
        optional_decimal_in("usage", message.usage),
        optional_decimal_in("usage_percent", message.usage_percent),
    )


def discount_to_proto(discount: Discount) -> catalog_pb2.ContractDiscount:
    """Return the message of a discount."""
    return catalog_pb2.ContractDiscount(
        name=discount.name,
        percent="" if discount.percent is None else format_decimal(discount.percent),
        amount="" if discount.amount is None else format_decimal(discount.amount),
        items=discount.items,
        start=discount.start.isoformat(),
        until="" if discount.until is None else discount.until.isoformat(),
        usage="" if discount.usage is None else format_decimal(discount.usage),
        usage_percent="" if discount.usage_percent is None else format_decimal(discount.usage_percent),
    )


def contract_to_proto(contract: Version[Contract]) -> catalog_pb2.Contract:
    """Return the message of a contract; what its periods are counted from is always said."""
    content, schedule = contract.content, contract.content.schedule
    spec = catalog_pb2.ContractSpec(
        customer=content.customer,
        plan=content.plan,
        plan_version=content.plan_version or 0,
        start=schedule.start.isoformat(),
        end="" if schedule.end is None else schedule.end.isoformat(),
        interval=_INTERVALS_TO_PROTO[schedule.interval],
        anchor_day=schedule.anchor_day if counts_months(schedule.interval) and schedule.anchor is None else 0,
        time_zone=schedule.zone,
        effective_from=content.effective_from.isoformat() if content.effective_from else "",
        reason=content.reason,
        every=schedule.every if schedule.every > 1 else 0,
        anchor="" if schedule.anchor is None else schedule.anchor.isoformat(),
        pauses=[_pause_to_proto(pause) for pause in content.pauses],
        discounts=map(discount_to_proto, content.discounts),
        overrides=map(override_to_proto, content.overrides),
        mid_period=content.mid_period,
        commitments=map(commitment_to_proto, content.commitments),
        extends=content.extends,
        seats=map(seats_to_proto, content.seats),
    )
    return catalog_pb2.Contract(
        name=contract.name, version=contract.version, spec=spec, created_at=timestamp(contract.created_at)
    )


def page_to_proto(page: Page[Version[Contract]], of_month: str) -> rating_service_pb2.ListContractsResponse:
    """Return a page of contracts; with a month, also their periods that belong to it."""
    return rating_service_pb2.ListContractsResponse(
        contracts=map(contract_to_proto, page.entries),
        next_page_token=page.next_page_token,
        periods=[
            rating_service_pb2.PeriodOfMonth(contract=contract.name, billing_period=label)
            for contract in page.entries
            for label in (labels_of_month(contract.content.schedule, of_month) if of_month else ())
        ],
    )


def found_to_proto(found: FoundContract, *, with_versions: bool) -> rating_service_pb2.GetContractResponse:
    """Return a contract with what rules it and, if wanted, its versions."""
    return rating_service_pb2.GetContractResponse(
        contract=contract_to_proto(found.version),
        rulings=map(ruling_to_proto, found.rulings),
        versions=map(contract_to_proto, found.versions if with_versions else ()),
    )


def ruling_to_proto(ruling: Ruling) -> catalog_pb2.PlanRuling:
    """Return the message of what rules from a day on."""
    return catalog_pb2.PlanRuling(
        day=ruling.day.isoformat(),
        plan=ruling.plan,
        plan_version=ruling.plan_version or 0,
        contract_version=ruling.contract_version,
        mid_period=ruling.mid_period,
    )


def applied_to_proto(
    applied: Applied[Contract], changes: Iterable[ContractChange]
) -> rating_service_pb2.ApplyContractResponse:
    """Return what applying a contract did."""
    return rating_service_pb2.ApplyContractResponse(
        outcome=outcome_to_proto(applied.outcome),
        contract=contract_to_proto(applied.entry),
        change=next(map(change_to_proto, changes), None),
    )


def change_to_proto(change: ContractChange) -> catalog_pb2.ContractChange:
    """Return the message of what a version changes."""
    before, after = change.before.content.schedule.end, change.after.content.schedule.end
    taken_before, taken = change.before.content.discounts, change.after.content.discounts
    own_before, own = change.before.content.overrides, change.after.content.overrides
    promised_before, promised = change.before.content.commitments, change.after.content.commitments
    seats_before, seats = change.before.content.seats, change.after.content.seats
    paused_before, paused = change.before.content.pauses, change.after.content.pauses
    return catalog_pb2.ContractChange(
        contract=change.after.name,
        version_before=change.before.version,
        version=change.after.version,
        end_before=before.isoformat() if before else "",
        end=after.isoformat() if after else "",
        periods=map(_periods_to_proto, change.periods),
        pauses_ended=[_pause_to_proto(pause) for pause in paused_before if pause not in paused],
        pauses_begun=[_pause_to_proto(pause) for pause in paused if pause not in paused_before],
        discounts_ended=[discount_to_proto(each) for each in taken_before if each not in taken],
        discounts_begun=[discount_to_proto(each) for each in taken if each not in taken_before],
        overrides_ended=[override_to_proto(each) for each in own_before if each not in own],
        overrides_begun=[override_to_proto(each) for each in own if each not in own_before],
        commitments_ended=[commitment_to_proto(each) for each in promised_before if each not in promised],
        commitments_begun=[commitment_to_proto(each) for each in promised if each not in promised_before],
        seats_ended=[seats_to_proto(each) for each in seats_before if each not in seats],
        seats_begun=[seats_to_proto(each) for each in seats if each not in seats_before],
    )


def _periods_to_proto(periods: PricedPeriods) -> catalog_pb2.PricedPeriods:
    before, after, is_frozen, turns_before, turns = periods.pricing
    return catalog_pb2.PricedPeriods(
        first=periods.first,
        last=periods.last,
        plan_before=before.plan if before else "",
        plan_version_before=before.version if before else 0,
        plan=after.plan if after else "",
        plan_version=after.version if after else 0,
        frozen=is_frozen,
        turns_before=map(_turn_to_proto, turns_before),
        turns=map(_turn_to_proto, turns),
    )


def _turn_to_proto(turn: PlanTurn) -> catalog_pb2.PlanTurn:
    return catalog_pb2.PlanTurn(day=turn.day.isoformat(), plan=turn.plan.plan, plan_version=turn.plan.version)


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
