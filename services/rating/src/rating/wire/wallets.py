"""Wallets as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chassis.errors import Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.text import check_name
from eventlog.wire import timestamp
from metering.rating.v1 import wallet_pb2 as pb
from money import INPUT, ZERO, InvalidDecimalError, currency, exact_arithmetic, format_decimal, parse_decimal
from rating.domain.billing_period import parse_day
from rating.domain.currencies import check_currency
from rating.domain.line_names import charge_id
from rating.domain.wallets import LotKind, LotTax
from rating.operations.wallets import LotDraft

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from rating.domain.draws import Draw
    from rating.domain.wallets import Lot, Standing
    from rating.operations.wallets import Wallet

_KINDS: Final = {
    pb.CREDIT_KIND_UNSPECIFIED: LotKind.PROMOTIONAL,
    pb.CREDIT_KIND_PROMOTIONAL: LotKind.PROMOTIONAL,
    pb.CREDIT_KIND_PAID: LotKind.PAID,
}
_TAXES: Final = {
    pb.CREDIT_TAX_NONE: LotTax.NONE,
    pb.CREDIT_TAX_PURCHASE: LotTax.PURCHASE,
    pb.CREDIT_TAX_USE: LotTax.USE,
}


def lot_from_proto(request: pb.GrantCreditRequest) -> LotDraft:
    """Return what is to be granted. Raises InvalidRequest."""
    with refusals():
        check_name("reason", request.reason)
        if request.currency:
            check_currency("currency", request.currency)
        first_day = parse_day("from", getattr(request, "from")) if getattr(request, "from") else None
        until = parse_day("expires", request.expires) if request.expires else None
    try:
        amount = parse_decimal(request.amount, INPUT, allow_negative=False)
    except InvalidDecimalError as error:
        raise invalid_field("amount", Reason.FIELD_INVALID, error.message) from error
    return LotDraft(
        request.customer,
        amount,
        request.currency,
        first_day,
        until,
        request.priority,
        tuple(request.items),
        _KINDS[request.kind],
        _TAXES.get(request.taxed),
        request.reason,
        request.contract,
    )


def reason_from_proto(request: pb.VoidCreditRequest) -> str:
    """Return why a lot is taken back. Raises InvalidRequest."""
    with refusals():
        check_name("reason", request.reason)
    return request.reason


def lot_to_proto(lot: Lot) -> pb.CreditLot:
    """Return the message of a lot."""
    return pb.CreditLot(
        id=lot.id,
        customer=lot.customer,
        number=lot.number,
        currency=lot.currency,
        amount=_money(lot.amount, lot.currency),
        expires="" if lot.until is None else lot.until.isoformat(),
        priority=lot.priority,
        items=lot.items,
        kind=pb.CreditKind.Value(f"CREDIT_KIND_{lot.kind.value}"),
        taxed=pb.CreditTax.Value(f"CREDIT_TAX_{lot.taxed.value}"),
        reason=lot.reason,
        granted_at=timestamp(lot.granted_at),
        voided_at=None if lot.voided is None else timestamp(lot.voided.voided_at),
        contract=lot.contract,
        void_reason="" if lot.voided is None else lot.voided.reason,
        **{"from": lot.first_day.isoformat()},
    )


def standing_to_proto(standing: Standing) -> pb.CreditStanding:
    """Return how a lot stands."""
    code = standing.lot.currency
    return pb.CreditStanding(
        lot=lot_to_proto(standing.lot),
        drawn=_money(standing.drawn, code),
        pending=_money(standing.pending, code),
        left=_money(standing.left, code),
        expired=_money(standing.expired, code),
        voided=_money(standing.voided, code),
    )


def wallet_to_proto(tenant: str, wallet: Wallet) -> pb.GetWalletResponse:
    """Return a wallet."""
    return pb.GetWalletResponse(
        lots=map(standing_to_proto, wallet.standings),
        draws=[*_stored(tenant, wallet), *_foreseen(wallet)],
        balances=_balances(wallet),
    )


def _stored(tenant: str, wallet: Wallet) -> Iterator[pb.CreditDraw]:
    lots = {one.lot.id: one.lot for one in wallet.standings}
    for one in wallet.stored:
        lot, key = lots[one.lot], (one.contract, one.billing_period, one.snapshot_id)
        identity = charge_id(tenant, *key, lot.line)
        message = _draw(lot, one.draw, one.contract, one.billing_period)
        # What goes on as another lot is of no charge.
        message.charge_id = identity if one.contract else ""
        message.drawn_at.CopyFrom(timestamp(one.drawn_at))
        yield message


def _foreseen(wallet: Wallet) -> Iterator[pb.CreditDraw]:
    lots = {one.lot.id: one.lot for one in wallet.standings}
    # A lot that a commitment will give is not there before its fee is final.
    for one in (each for each in wallet.foreseen if each.lot in lots):
        yield _draw(lots[one.lot], one.draw, one.contract, one.billing_period)


def _draw(lot: Lot, draw: Draw, contract: str, billing_period: str) -> pb.CreditDraw:
    return pb.CreditDraw(
        lot=lot.id,
        lot_number=lot.number,
        contract=contract,
        billing_period=billing_period,
        item=draw.line,
        first_day=draw.first_day.isoformat(),
        last_day=draw.last_day.isoformat(),
        amount=_money(draw.amount, lot.currency),
        currency=lot.currency,
    )


def _balances(wallet: Wallet) -> Iterator[pb.CreditBalance]:
    for code in dict.fromkeys(one.lot.currency for one in wallet.standings):
        own = [one for one in wallet.standings if one.lot.currency == code]
        with exact_arithmetic():
            left, pending = sum((one.left for one in own), ZERO), sum((one.pending for one in own), ZERO)
        yield pb.CreditBalance(currency=code, left=_money(left, code), pending=_money(pending, code))


def _money(amount: Decimal, code: str) -> str:
    return format_decimal(amount, places_min=currency(code).minor_units)
