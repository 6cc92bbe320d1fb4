"""What new versions of contracts and plans change, in words: which plan prices which periods before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meterline.cli.documents import message_document, short_time
from meterline.cli.output import say, write, write_title

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from metering.rating.v1 import catalog_pb2, coupon_pb2
    from metering.rating.v1 import rating_service_pb2 as rating_pb


CHANGES_MAX: Final = 200
"""Most changes of plans, and of contracts, that are told; of the rest only the number is."""


def add_changes(told: rating_pb.ApplyCatalogResponse, response: rating_pb.ApplyCatalogResponse) -> None:
    """Add to `told` what another part of a catalog changes. A plan that several parts need is told once."""
    known = {change.plan for change in told.plan_changes}
    told.plan_changes.extend(change for change in response.plan_changes if change.plan not in known)
    told.contract_changes.extend(response.contract_changes)
    told.untold_changes += response.untold_changes
    for changes in (told.plan_changes, told.contract_changes):
        told.untold_changes += len(changes[CHANGES_MAX:])
        del changes[CHANGES_MAX:]


def changes_by_entry(told: rating_pb.ApplyCatalogResponse) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the documents of all changes, by the kind and the name of the entry."""
    contracts = {("Contract", change.contract): message_document(change) for change in told.contract_changes}
    return contracts | {("Plan", change.plan): message_document(change) for change in told.plan_changes}


def write_changes(told: rating_pb.ApplyCatalogResponse) -> None:
    """Print what changes, and how to change more where that may have been meant."""
    for plan_change in told.plan_changes:
        _write_plan(plan_change)
    for change in told.contract_changes:
        _write_contract(change)
    if told.untold_changes:
        say(f"{told.untold_changes:,} more new versions; apply fewer at a time to see what they change")


def _write_plan(change: catalog_pb2.PlanChange) -> None:
    since = f"prices the periods that start on {short_time(change.effective_from)} or later"
    kept = f"; {change.frozen_periods:,} of them are rated permanently and keep theirs" if change.frozen_periods else ""
    write_title(f"plan {change.plan}, version {change.version_before} -> {change.version}:", f" {since}{kept}")
    if change.notice_days:
        say(
            f"plan {change.plan}: contracts that have it already keep version {change.version_before} until "
            f"{change.notice_days} days after a notice; `meterline price notice send {change.plan}` sends it"
        )


def _write_contract(change: catalog_pb2.ContractChange) -> None:
    before, after = (end or "open" for end in (change.end_before, change.end))
    end = f" end {before} -> {after}" if before != after else ""
    write_title(f"contract {change.contract}, version {change.version_before} -> {change.version}:", end)
    spans = [_span(periods) for periods in change.periods]
    width = max(map(len, spans), default=0)
    for span, periods in zip(spans, change.periods, strict=True):
        write(f"  {span:<{width}}  {_priced(periods)}")
    for line in _terms_changed(change):
        write(f"  {line}")
    if _keeps_another_plan(change):
        say(
            f"contract {change.contract}: periods that have begun keep their plan; to put right those that are not "
            "rated permanently, write effectiveFrom with their first day, and a reason"
        )


def _terms_changed(change: catalog_pb2.ContractChange) -> Iterator[str]:
    """Yield what a version takes away and what it adds, beside the plan."""
    yield from (f"no longer paused {pause_text(pause)}" for pause in change.pauses_ended)
    yield from (f"paused {pause_text(pause)}" for pause in change.pauses_begun)
    yield from (f"no longer takes {discount_text(discount)}" for discount in change.discounts_ended)
    yield from (f"takes {discount_text(discount)}" for discount in change.discounts_begun)
    yield from (f"no longer has {_override_text(override)}" for override in change.overrides_ended)
    yield from (f"has {_override_text(override)}" for override in change.overrides_begun)
    yield from (f"no longer promises {_promise_text(promise)}" for promise in change.commitments_ended)
    yield from (f"promises {_promise_text(promise)}" for promise in change.commitments_begun)
    yield from (f"no longer has {seats_text(seats)}" for seats in change.seats_ended)
    yield from (f"has {seats_text(seats)}" for seats in change.seats_begun)


def pause_text(pause: catalog_pb2.ContractPause) -> str:
    """Say from when to when a contract is paused."""
    return f"from {pause.start} to before {pause.until}" if pause.until else f"from {pause.start} on"


def seats_text(seats: catalog_pb2.ContractSeats) -> str:
    """Say how many seats there are from when on."""
    return f"{seats.count} {seats.item} from {seats.start} on"


def size_of_discount(discount: catalog_pb2.ContractDiscount | coupon_pb2.CouponDiscount) -> str:
    """Say how much a discount takes."""
    if discount.usage or discount.usage_percent:
        return f"{discount.usage} units" if discount.usage else f"{discount.usage_percent} % of the quantity"
    return f"{discount.percent} %" if discount.percent else discount.amount


def discount_text(discount: catalog_pb2.ContractDiscount) -> str:
    """Say what a discount takes, off what, and of which periods."""
    taken = size_of_discount(discount)
    of = f" of {', '.join(discount.items)}" if discount.items else ""
    until = f" to before {discount.until}" if discount.until else " on"
    return f"{taken}{of} off ({discount.name}), of periods that start from {discount.start}{until}"


def _override_text(override: catalog_pb2.ContractOverride) -> str:
    what = "a price of its own"
    if override.WhichOneof("change") == "multiplier":
        what = f"{override.multiplier} times the price"
    elif override.WhichOneof("change") == "fixed":
        what = f"a fee of {override.fixed.amount}"
    until = f" to before {override.until}" if override.until else " on"
    return f"{what} for {override.item}, in periods that start from {override.start}{until}"


def _promise_text(promise: catalog_pb2.ContractCommitment) -> str:
    windows = (f"{window.amount} from {window.start} to before {window.until}" for window in promise.schedule)
    of = f" of {', '.join(promise.items)}" if promise.items else ""
    return f"{'; '.join(windows)}{of} ({promise.name})"


def _span(periods: catalog_pb2.PricedPeriods) -> str:
    if periods.first == periods.last:
        return periods.first
    return f"{periods.first} to {periods.last}" if periods.last else f"{periods.first} on"


def _priced(periods: catalog_pb2.PricedPeriods) -> str:
    before = _plans(periods.plan_before, periods.plan_version_before, periods.turns_before)
    after = _plans(periods.plan, periods.plan_version, periods.turns)
    if not periods.plan:
        return f"no longer in the contract (was {before})"
    if not periods.plan_before:
        return f"{after} (new periods)"
    if periods.frozen:
        return f"{after} (rated permanently, unchanged)"
    return f"{after} (unchanged)" if before == after else f"{after} (was {before})"


def _plans(name: str, version: int, turns: Iterable[catalog_pb2.PlanTurn]) -> str:
    later = (f"from {turn.day} {_plan(turn.plan, turn.plan_version)}" for turn in turns)
    return ", ".join([_plan(name, version), *later])


def _plan(name: str, version: int) -> str:
    return f"plan {name} version {version}" if version else f"plan {name}, of which no version is effective yet"


def _keeps_another_plan(change: catalog_pb2.ContractChange) -> bool:
    """Whether periods that could still be put right keep a plan that is not the one of the last periods."""
    lasting = [periods for periods in change.periods if periods.plan]
    return any(
        not periods.frozen and periods.plan == periods.plan_before != lasting[-1].plan for periods in lasting[:-1]
    )
