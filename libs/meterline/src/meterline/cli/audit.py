"""`meterline audit …`: who changed what, in all services, and whether their trails are whole."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from metering.common.v1 import audit_service_pb2 as pb
from meterline.cli.calls import call_services, pages
from meterline.cli.documents import short_time, time_text
from meterline.cli.exits import ExitCode
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, say
from meterline.cli.usage import instant, zone_of
from meterline.errors import InputError
from meterline.suite.services import SERVICES

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from meterline.client import AsyncClient

app = plain_app("Who changed what, with which token, and why.")
_TABLE_ROWS: Final = 100
_COLUMNS: Final = ("at", "service", ">no.", "who", "method", "outcome", "reason", "token", "trace")
_NAMES: Final = tuple(service.name for service in SERVICES)


@app.command("list")
def list_records(  # noqa: PLR0913, PLR0917 - options of a command
    service: Annotated[
        list[str] | None, typer.Option(help="Only this service; repeat for several. Default: all.")
    ] = None,
    who: Annotated[str, typer.Option("--subject", help="Only what this caller did.")] = "",
    method: Annotated[str, typer.Option(help="Only this method, such as FinalizeInvoice.")] = "",
    start: Annotated[str, typer.Option("--from", help="From this instant, RFC 3339, or a date.")] = "",
    end: Annotated[str, typer.Option("--to", help="Before this instant, RFC 3339, or a date.")] = "",
    tz: Annotated[str, typer.Option(help="IANA zone of dates in --from and --to.")] = "UTC",
    limit: Annotated[
        int | None, typer.Option(min=0, help="Most rows, the newest; 0 = all. Default: 100 in a table, else all.")
    ] = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the calls that changed something, and those of administrators that were refused, oldest first."""
    zone = zone_of(tz)
    since = instant(start, zone, "--from") if start else None
    until = instant(end, zone, "--to") if end else None
    records = sorted(
        _ask_each(lambda name, client: _records_of(client, name, who, since, until), service, context),
        key=lambda found: (found["at"], found["service"], found["sequence"]),
    )
    records = [found for found in records if method in ("", found["method"], found["method"].rpartition("/")[2])]
    shown = (_TABLE_ROWS if output is Output.TABLE else 0) if limit is None else limit
    rows = records[-shown:] if shown else records
    if output is Output.TABLE:
        print_table(_COLUMNS, [found["row"] for found in rows])
    else:
        document = [{name: value for name, value in found.items() if name != "row"} for found in rows]
        print_document({"records": document}, output)
    if len(rows) < len(records):
        say(f"these are the last {len(rows):,} of {len(records):,} records; --limit 0 shows all")


@app.command("verify")
def verify(
    service: Annotated[
        list[str] | None, typer.Option(help="Only this service; repeat for several. Default: all.")
    ] = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check that no record was changed or taken out; exit code 3 if one was."""
    checked = _ask_each(_check, service, context)
    if output is Output.TABLE:
        columns = ("service", ">records", "state", "head")
        print_table(columns, [(c["service"], str(c["recordCount"]), _state(c), c["headChain"]) for c in checked])
    else:
        print_document({"services": checked}, output)
    if any(found["brokenAt"] for found in checked):
        say("records were changed or taken out; follow docs/runbooks/data-corrupted.md")
        raise SystemExit(int(ExitCode.REFUSED))


def _ask_each(ask: Any, services: list[str] | None, context: Any) -> list[dict[str, Any]]:
    names = services or list(_NAMES)
    for name in names:
        if name not in _NAMES:
            raise InputError(f"there is no service {name!r}; they are {', '.join(_NAMES)}")

    async def gather(client: AsyncClient) -> list[list[dict[str, Any]]]:
        return list(await asyncio.gather(*(ask(name, client) for name in names)))

    return [found for listed in call_services(gather, context) for found in listed]


async def _records_of(
    client: AsyncClient, service: str, subject: str, since: Timestamp | None, until: Timestamp | None
) -> list[dict[str, Any]]:
    request = pb.ListAuditRecordsRequest(subject=subject, since=since, until=until)
    stub = client.audit(service)
    return [
        _document(service, record) async for page in pages(stub.ListAuditRecords, request) for record in page.records
    ]


async def _check(service: str, client: AsyncClient) -> list[dict[str, Any]]:
    answer = await client.audit(service).VerifyAuditRecords(pb.VerifyAuditRecordsRequest())
    return [
        {
            "service": service,
            "recordCount": answer.record_count,
            "headChain": answer.head_chain.hex(),
            "brokenAt": answer.broken_at,
        }
    ]


def _state(checked: dict[str, Any]) -> str:
    return f"broken at {checked['brokenAt']}" if checked["brokenAt"] else "whole"


def _document(service: str, record: pb.AuditRecord) -> dict[str, Any]:
    return {
        "service": service,
        "sequence": record.sequence,
        "at": time_text(record.at),
        "method": record.method,
        "subject": record.subject,
        "tokenId": record.token_id,
        "customer": record.customer,
        "requestId": record.request_id,
        "reason": record.reason,
        "requestSha256": record.request_sha256.hex(),
        "outcome": record.outcome,
        "traceId": record.trace_id,
        "row": (
            short_time(record.at),
            service,
            str(record.sequence),
            record.subject if not record.customer else f"{record.subject} for {record.customer}",
            record.method.rpartition("/")[2],
            record.outcome,
            record.reason or "-",
            record.token_id[:12],
            record.trace_id or "-",
        ),
    }
