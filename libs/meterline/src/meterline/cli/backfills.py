"""`meterline backfill …`: ranges of the past that are reported afterwards, opened, closed and reverted by hand."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Final

import typer

from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2
from meterline.cli.calls import call_services, until_reachable
from meterline.cli.documents import message_document
from meterline.cli.events import ReasonOption
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.tables import BACKFILL_COLUMNS, backfill_row
from meterline.cli.usage import UTC, period_of
from meterline.errors import InputError
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from meterline.client import AsyncClient

app = plain_app("Ranges of the past that are reported afterwards: open, close and revert them.")

_VOIDED_AT_ONCE: Final = 1000

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the backfill.", show_default=False)]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it; without this, only say what would be voided.")]


@app.command("open")
def open_backfill(  # noqa: PLR0913, PLR0917 - options of a command
    description: Annotated[str, typer.Option(help="Why, for people.")] = "",
    start: Annotated[str, typer.Option("--from", help="First instant of its events. Default: the whole past.")] = "",
    end: Annotated[str, typer.Option("--to", help="First instant after them.")] = "",
    replace: Annotated[  # noqa: FBT002 - an option of a command
        bool,
        typer.Option(
            "--replace",
            help="First void what was reported of the customers and types of --customer and --type in that time.",
        ),
    ] = False,
    customer: Annotated[list[str] | None, typer.Option(help="With --replace: of this customer; repeatable.")] = None,
    event_type: Annotated[list[str] | None, typer.Option("--type", help="With --replace: of this type.")] = None,
    yes: YesOption = False,  # noqa: FBT002 - likewise
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Open a backfill, and print it: events that name its id may be older than the late limit.

    With --replace, it first voids what is there, once --yes is given. What is voided stays so when it is reported again
    with the same ids: report the new events with ids of their own.
    """
    period = period_of(start, end, UTC)
    if replace and (period is None or not (customer or event_type)):
        raise InputError("--replace needs --from or --to, and --customer or --type: it never voids all there is")
    if not replace and (customer or event_type or yes):
        raise InputError("--customer, --type and --yes go with --replace; leave them out")
    wanted = pb.ListEventsRequest(customers=customer or [], types=event_type or [], period=period)
    reason = description or "replaced by a backfill"

    async def work(client: AsyncClient) -> tuple[Counter[tuple[str, str]], pb.Backfill | None]:
        found: Counter[tuple[str, str]] = Counter()
        if replace:
            found = await _void_matching(client, wanted, reason, only_count=not yes)
            if not yes:
                return found, None
        request = pb.OpenBackfillRequest(request_id=uuid7(), description=description, period=period)
        return found, (await until_reachable(client.ingest.OpenBackfill, request)).backfill

    voided, backfill = call_services(work, context)
    if replace:
        _tell_matching(voided, done=backfill is not None)
    if backfill is not None:
        _print(backfill, output)
        say(
            f"report its events with `meterline report -f FILE --backfill-id {backfill.id}` (or import), "
            f"then `meterline backfill close {backfill.id}`"
        )


@app.command("close")
def close(backfill_id: IdArgument, context: ContextOption = None, output: OutputOption = Output.TABLE) -> None:
    """Close a backfill: events that name it are refused from then on. Closing it again changes nothing."""
    request = pb.CloseBackfillRequest(request_id=uuid7(), backfill_id=backfill_id)
    answer = call_services(lambda client: until_reachable(client.ingest.CloseBackfill, request), context)
    _print(answer.backfill, output)


@app.command("revert")
def revert(
    backfill_id: IdArgument,
    reason: ReasonOption,
    yes: YesOption = False,  # noqa: FBT002 - an option of a command
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Void all events that came through a backfill, and close it. Interrupted, it can be begun again."""

    async def work(client: AsyncClient) -> tuple[int, pb.Backfill]:
        voided, token = 0, ""
        while True:
            request = pb.RevertBackfillRequest(
                request_id="" if not yes else uuid7(),
                backfill_id=backfill_id,
                reason=reason,
                page_token=token,
                validate_only=not yes,
            )
            answer = await until_reachable(client.ingest.RevertBackfill, request)
            voided, token = voided + answer.voided, answer.next_page_token
            if not token:
                return voided, answer.backfill

    voided, backfill = call_services(work, context)
    if output is Output.TABLE:
        write(f"{'voided' if yes else 'would void'} {voided:,} events of backfill {backfill_id}")
    else:
        print_document({"voided": voided, "done": yes, "backfill": message_document(backfill)}, output)
    if not yes:
        say("nothing was changed; --yes voids them")


async def _void_matching(
    client: AsyncClient, wanted: pb.ListEventsRequest, reason: str, *, only_count: bool
) -> Counter[tuple[str, str]]:
    """Void the events of a list that hold, and count them by customer and type."""
    found: Counter[tuple[str, str]] = Counter()
    waiting: list[usage_event_pb2.EventIdentity] = []

    async def void(least: int) -> None:
        while len(waiting) >= least and waiting:
            request = pb.VoidEventsRequest(request_id=uuid7(), events=waiting[:_VOIDED_AT_ONCE], reason=reason)
            await until_reachable(client.ingest.VoidEvents, request)
            del waiting[:_VOIDED_AT_ONCE]

    async for page in client.ingest.ListEvents(wanted):
        for stored in page.events:
            if stored.taken_back_at:
                continue
            found[stored.event.customer, stored.event.type] += 1
            if not only_count:
                waiting.append(usage_event_pb2.EventIdentity(source=stored.event.source, id=stored.event.id))
        await void(_VOIDED_AT_ONCE)
    await void(1)
    return found


def _tell_matching(found: Counter[tuple[str, str]], *, done: bool) -> None:
    for (customer, event_type), count in sorted(found.items()):
        say(f"{customer}: {count:,} events of type {event_type}")
    total = found.total()
    say(f"voided {total:,} events" if done else f"would void {total:,} events; nothing was changed, --yes does it")


def _print(backfill: pb.Backfill, output: Output) -> None:
    if output is Output.TABLE:
        print_table(BACKFILL_COLUMNS, [backfill_row(backfill)])
    else:
        print_document(message_document(backfill), output)
