"""`meterline price lint`: what is odd about prices, before anybody is billed by them; `apply` tells it, too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from chassis.errors import MeterlineError
from metering.rating.v1 import rating_service_pb2 as pb
from meterline.catalog.files import read_catalog
from meterline.cli.calls import call_services
from meterline.cli.catalog_faults import Faults
from meterline.cli.documents import enum_word
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say, write
from meterline.errors import InputErrors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meterline.catalog.files import Entry
    from meterline.client import AsyncClient

_ENTRIES_MAX: Final = 1_000
"""Of larger catalogs `apply` tells nothing: nobody would read it, and the request would be too large."""
_TOLD_ELSEWHERE: Final = "meter-missing"
_TOLD_MAX: Final = 20


def lint(
    plans: Annotated[
        list[str] | None, typer.Argument(metavar="[PLAN]...", help="Plans that are applied.", show_default=False)
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option("-f", "--file", help="Catalog file, applied or not, or - for standard input; repeat for several."),
    ] = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say what is odd about prices: of plans, of a file, or of the whole catalog. Findings are no failure."""
    read = read_catalog(files or [])
    if read.mistakes:
        raise InputErrors(read.mistakes)
    looked_at = _looked_at(read.entries)

    async def ask(client: AsyncClient) -> pb.LintPlansResponse:
        faults = Faults()
        with faults.of(looked_at):
            return await client.rating.LintPlans(question_of(read.entries, plans or []))
        faults.raise_any()
        raise AssertionError  # a fault was kept, so it was raised

    findings = call_services(ask, context).findings
    if output is not Output.TABLE:
        print_document({"findings": [finding_document(finding) for finding in findings]}, output)
    elif findings:
        print_table(
            ("level", "plan", "item", ">quantity", "finding"),
            [
                (_level(one), one.plan or "-", one.item or one.meter or "-", one.quantity or "-", one.message)
                for one in findings
            ],
        )
    else:
        write("nothing is odd")


def question_of(entries: Sequence[Entry], plans: Sequence[str] = ()) -> pb.LintPlansRequest:
    """Return the question about plans, and the documents of a catalog."""
    messages = [pb.CatalogEntry(**{entry.kind.name.lower(): entry.request}) for entry in _looked_at(entries)]
    meters = [entry.name for entry in entries if entry.kind.name == "Meter"]
    return pb.LintPlansRequest(plans=plans, entries=messages, meters=meters)


def finding_document(finding: pb.PriceFinding) -> dict[str, Any]:
    """Write a finding."""
    return {
        "level": _level(finding),
        "code": finding.code,
        "plan": finding.plan or None,
        "item": finding.item or None,
        "meter": finding.meter or None,
        "quantity": finding.quantity or None,
        "message": finding.message,
    }


async def tell_odd_prices(client: AsyncClient, entries: Sequence[Entry]) -> None:
    """Say which prices of a catalog are hardly meant, or can't be billed by its meters, if the service can tell."""
    if len(entries) > _ENTRIES_MAX:
        return
    try:
        warnings = await _warnings(client, entries)
    except MeterlineError:
        # It is only a hint: the token may not allow to read, or what a plan names may be missing still.
        return
    for finding in warnings[:_TOLD_MAX]:
        where = f", item {finding.item!r}" if finding.item else ""
        say(f"{_level(finding)}: plan {finding.plan!r}{where}: {finding.message}")
    if len(warnings) > _TOLD_MAX:
        say(f"and {len(warnings) - _TOLD_MAX} more warnings; `meterline price lint -f FILE` tells them all")


async def _warnings(client: AsyncClient, entries: Sequence[Entry]) -> list[pb.PriceFinding]:
    """Return what is odd about the plans of a catalog, and what its meters make of those that there are."""
    found: list[pb.PriceFinding] = []
    if any(entry.kind.name == "Plan" for entry in entries):
        of_plans = (await client.rating.LintPlans(question_of(entries))).findings
        found += [one for one in of_plans if one.level != pb.FINDING_LEVEL_INFO and one.code != _TOLD_ELSEWHERE]
    meters = {entry.name for entry in entries if entry.kind.name == "Meter"}
    if meters:
        of_all = (await client.rating.LintPlans(pb.LintPlansRequest())).findings
        errors = (finding for finding in of_all if finding.level == pb.FINDING_LEVEL_ERROR)
        of_meters = [finding for finding in errors if finding.meter in meters and finding.code != _TOLD_ELSEWHERE]
        found += [finding for finding in of_meters if finding not in found]
    return found


def _looked_at(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.kind.name in {"Plan", "Product"}]


def _level(finding: pb.PriceFinding) -> str:
    return enum_word(finding, "level").lower()
