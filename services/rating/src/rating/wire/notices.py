"""Notices of price changes as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.rpc.pages import name_in, page_token, place_in
from eventlog.wire import timestamp
from metering.rating.v1 import notice_pb2 as pb
from money import ZERO, currency, exact_arithmetic, format_exact, round_to_minor_unit
from rating.operations.notices import NoticeQuestion

if TYPE_CHECKING:
    from money import Currency
    from rating.domain.notices import NoticeItem, NoticePeriod, PriceNotice
    from rating.operations.notices import NoticePage

_LIMIT = 100


def question_from_proto(request: pb.SendPriceNoticesRequest) -> NoticeQuestion:
    """Return of which version which contracts are told. Raises InvalidRequest."""
    after, limit = name_in(request.page_token), request.page_size or _LIMIT
    return NoticeQuestion(request.plan, request.plan_version, request.contracts, request.override_reason, after, limit)


def sent_to_proto(page: NoticePage) -> pb.SendPriceNoticesResponse:
    """Return a page of notices that were sent, or would be."""
    return pb.SendPriceNoticesResponse(
        notices=map(notice_to_proto, page.notices),
        next_page_token="" if page.after is None else page_token(page.after),
    )


def place_of(token: str) -> tuple[str, str, int]:
    """Return the contract, plan and version after which a page of notices begins. Raises InvalidRequest."""
    contract, plan, version = place_in(token, [str, str, int]) or ("", "", 0)
    return contract, plan, version


def notice_to_proto(notice: PriceNotice) -> pb.PriceNotice:
    """Return the message of a notice."""
    unit = currency(notice.currency)
    return pb.PriceNotice(
        contract=notice.contract,
        customer=notice.customer,
        plan=notice.plan,
        plan_version_before=notice.version_before,
        plan_version=notice.version,
        currency=notice.currency,
        kind=pb.NoticeKind.Value(f"NOTICE_KIND_{notice.kind.value}"),
        sent_at=timestamp(notice.sent_at),
        starts_at=timestamp(notice.starts_at),
        first_day="" if notice.first_day is None else notice.first_day.isoformat(),
        reason=notice.reason,
        periods=[_period_to_proto(period, unit) for period in notice.periods],
        missing_periods=notice.missing,
    )


def _period_to_proto(period: NoticePeriod, unit: Currency) -> pb.NoticePeriod:
    items = [_item_to_proto(item, unit) for item in period.items]
    with exact_arithmetic():
        changes = (round_to_minor_unit(one.after, unit) - round_to_minor_unit(one.before, unit) for one in period.items)
        change = sum(changes, ZERO)
    return pb.NoticePeriod(
        billing_period=period.label, items=items, difference=format(round_to_minor_unit(change, unit), "f")
    )


def _item_to_proto(item: NoticeItem, unit: Currency) -> pb.NoticeItem:
    return pb.NoticeItem(
        item=item.item,
        before=format(round_to_minor_unit(item.before, unit), "f"),
        after=format(round_to_minor_unit(item.after, unit), "f"),
        exact_difference=format_exact(item.difference),
    )
