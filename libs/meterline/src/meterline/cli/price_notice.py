"""`meterline price notice …`: contracts are told of new prices before these begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metering.rating.v1 import notice_pb2 as pb
from meterline.cli.calls import call_services, pages
from meterline.cli.documents import enum_word, message_document, short_time
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, say, write
from meterline.errors import InputError
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meterline.client import AsyncClient

app = plain_app("Notices of price changes: who was told what, and from when on it holds.")
_PAGE = 100


@app.command("send")
def send(
    plan: Annotated[str, typer.Argument(help="Plan whose version asks for a notice.")],
    version: Annotated[int, typer.Option("--version", min=0, help="Version of it. 0 = the newest.")] = 0,
    contract: Annotated[
        list[str] | None, typer.Option(help="Only this contract; repeat for several. Default: all with the plan.")
    ] = None,
    override: Annotated[
        str | None, typer.Option(help="Why the version begins as it says itself, without the days of its notice.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show who would be told what.")] = False,  # noqa: FBT002
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell contracts of a version of their plan, each once, with what it would have changed in their last periods."""
    if override is not None and not override.strip():
        raise InputError("--override is why the version begins without the days of its notice; write the reason")
    request = pb.SendPriceNoticesRequest(
        plan=plan,
        plan_version=version,
        contracts=contract or [],
        override_reason=override or "",
        validate_only=dry_run,
        page_size=_PAGE,
    )

    async def ask(client: AsyncClient) -> list[pb.PriceNotice]:
        found: list[pb.PriceNotice] = []
        while True:
            request.request_id = "" if dry_run else uuid7()
            page = await client.rating.SendPriceNotices(request)
            found.extend(page.notices)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    _show(call_services(ask, context), output)
    if dry_run:
        say("nothing was sent; leave --dry-run out to send")


@app.command("list")
def list_notices(
    plan: Annotated[str, typer.Option(help="Only this plan.")] = "",
    customer: Annotated[str, typer.Option(help="Only this customer.")] = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the notices that were sent."""
    request = pb.ListPriceNoticesRequest(plan=plan, customer=customer)

    async def ask(client: AsyncClient) -> list[pb.PriceNotice]:
        return [notice async for page in pages(client.rating.ListPriceNotices, request) for notice in page.notices]

    _show(call_services(ask, context), output)


def _show(notices: Sequence[pb.PriceNotice], output: Output) -> None:
    if output is not Output.TABLE:
        print_document(notices_document(notices), output)
        return
    if not notices:
        write("no contract needs a notice, and none has one")
        return
    columns = ("contract", "plan", ">version", "kind", "sent", "from", "last periods, difference")
    rows = [
        (
            notice.contract,
            notice.plan,
            f"{notice.plan_version_before} -> {notice.plan_version}",
            enum_word(notice, "kind").lower().replace("_", " "),
            short_time(notice.sent_at),
            notice.first_day or "never",
            effect_text(notice),
        )
        for notice in notices
    ]
    print_table(columns, rows)


def effect_text(notice: pb.PriceNotice) -> str:
    """Say what the version would have changed, and what can't be said."""
    shown = [f"{period.billing_period}: {period.difference} {notice.currency}" for period in notice.periods]
    return ", ".join([*shown, *(f"{label}: not billed yet" for label in notice.missing_periods)]) or "none yet"


def notices_document(notices: Sequence[pb.PriceNotice]) -> dict[str, Any]:
    """Write notices with all items."""
    return {"notices": [message_document(notice) | {"kind": enum_word(notice, "kind")} for notice in notices]}
