"""`meterline coupon …`: codes that become discounts of contracts when they are redeemed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from metering.rating.v1 import coupon_pb2 as pb
from meterline.cli.calls import PAGE_ROWS, call_services, pages, until_reachable
from meterline.cli.changes import discount_text
from meterline.cli.documents import message_document, short_time
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.tables import COUPON_COLUMNS, coupon_row
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from meterline.client import AsyncClient

app = plain_app("Coupons: redeem one for a contract, and see how often and by whom they were redeemed.")
CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help="Code: the name of the coupon.")]
_REDEMPTION_COLUMNS: Final = ("redeemed", "customer", "contract", ">contract version", ">coupon version", "discount")


@app.command("redeem")
def redeem(
    code: CodeArgument,
    contract: Annotated[str, typer.Option("--contract", help="Contract that gets the discount.")],
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Redeem a coupon: the contract has its discount from the running period on."""
    request = pb.RedeemCouponRequest(request_id=uuid7(), coupon=code, contract=contract)
    done = call_services(lambda client: until_reachable(client.rating.RedeemCoupon, request), context)
    if output is Output.TABLE:
        made = done.redemption
        write(f"contract {contract} version {made.contract_version} takes {discount_text(made.discount)}")
    else:
        print_document(message_document(done), output)


@app.command("list")
def list_coupons(context: ContextOption = None, output: OutputOption = Output.TABLE) -> None:
    """List coupons, and how often each was redeemed."""

    async def ask(client: AsyncClient) -> list[pb.Coupon]:
        request = pb.ListCouponsRequest(page_size=PAGE_ROWS)
        return [coupon async for page in pages(client.rating.ListCoupons, request) for coupon in page.coupons]

    found = call_services(ask, context)
    if output is not Output.TABLE:
        print_document({"coupons": [message_document(coupon) for coupon in found]}, output)
        return
    print_table(COUPON_COLUMNS, map(coupon_row, found))
    if not found:
        say("there are no coupons; apply one: kind: Coupon")


@app.command("show")
def show(code: CodeArgument, context: ContextOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show a coupon, and who redeemed it when."""

    async def ask(client: AsyncClient) -> tuple[pb.Coupon, list[pb.CouponRedemption]]:
        request, coupon = pb.ListCouponRedemptionsRequest(coupon=code, page_size=PAGE_ROWS), pb.Coupon()
        redemptions: list[pb.CouponRedemption] = []
        async for page in pages(client.rating.ListCouponRedemptions, request):
            coupon = page.coupon
            redemptions += page.redemptions
        return coupon, redemptions

    coupon, redemptions = call_services(ask, context)
    if output is not Output.TABLE:
        document = {"coupon": message_document(coupon), "redemptions": [message_document(one) for one in redemptions]}
        print_document(document, output)
        return
    print_table(COUPON_COLUMNS, [coupon_row(coupon)])
    rows = [
        (
            short_time(one.redeemed_at),
            one.customer,
            one.contract,
            str(one.contract_version),
            str(one.coupon_version),
            discount_text(one.discount),
        )
        for one in redemptions
    ]
    if rows:
        print_table(_REDEMPTION_COLUMNS, rows)
    else:
        say(f"nobody has redeemed it; `meterline coupon redeem {code} --contract NAME` does")
