"""`meterline apply`: the catalog as YAML files, checked whole before anything is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from chassis.errors import MeterlineError, Reason
from metering.common.v1 import values_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.catalog.files import Entry, load_catalog
from meterline.catalog.messages import enum_words
from meterline.catalog.published import describe
from meterline.cli.calls import call_services, until_reachable
from meterline.cli.changes import changes_by_entry, write_changes
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say
from meterline.cli.unknown_meters import tell_unknown_meters, unknown_meters
from meterline.errors import InputError
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meterline.client import AsyncClient

_OUTCOMES: Final = enum_words(values_pb2.DESCRIPTOR.enum_types_by_name["ApplyOutcome"])
_TOGETHER: Final = rating_pb.CatalogEntry.DESCRIPTOR.oneofs_by_name["entry"]
"""The kinds that are applied in one transaction."""

_PATIENCE_S: Final = 15.0
"""A service that restarts is back by then."""

_ENTRY_FIELD: Final = re.compile(r"entries\[(\d+)\]\.(?:\w+\.)?")


def apply(
    files: Annotated[
        list[Path], typer.Option("-f", "--file", help="Catalog file, or - for standard input; repeat for several.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and say what would change; write nothing.")] = False,  # noqa: FBT002
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the catalog what the files say. Applying them again changes nothing."""
    entries = load_catalog(files)
    if not entries:
        raise InputError(f"there is no document in {', '.join(map(str, files))}")

    async def ask(client: AsyncClient) -> tuple[Outcomes, rating_pb.ApplyCatalogResponse]:
        done = await _apply_all(client, entries, dry_run=dry_run)
        tell_unknown_meters(await unknown_meters(client, entries))
        return done

    outcomes, told = call_services(ask, context)
    results = [(entry.kind.name, entry.name, outcomes[entry.kind.name, entry.name]) for entry in entries]
    if output is Output.TABLE:
        print_table(("kind", "name", "outcome"), results)
        write_changes(told)
    else:
        changes = changes_by_entry(told)
        print_document(
            [
                {"kind": kind, "name": name, "outcome": outcome, "change": changes.get((kind, name))}
                for kind, name, outcome in results
            ],
            output,
        )
    if dry_run:
        say("nothing was written (--dry-run)")


Outcomes = dict[tuple[str, str], str]


async def _apply_all(
    client: AsyncClient, entries: Sequence[Entry], *, dry_run: bool
) -> tuple[Outcomes, rating_pb.ApplyCatalogResponse]:
    """Have everything checked, then apply it: what can't be checked apart from being applied comes first."""
    catalog = _Catalog([entry for entry in entries if entry.kind.name.lower() in {f.name for f in _TOGETHER.fields}])
    single = sorted((entry for entry in entries if entry not in catalog.entries), key=_can_be_checked)
    outcomes: Outcomes = {(entry.kind.name, entry.name): "not checked" for entry in single}
    for entry in filter(_can_be_checked, single):
        outcomes[entry.kind.name, entry.name] = await _apply_one(client, entry, validate_only=True)
    if catalog.entries:
        outcomes |= await catalog.apply(client, validate_only=True)
    if dry_run:
        return outcomes, catalog.told
    for entry in single:
        outcomes[entry.kind.name, entry.name] = await _apply_one(client, entry)
    if catalog.entries:
        outcomes |= await catalog.apply(client)
    return outcomes, catalog.told


def _can_be_checked(entry: Entry) -> bool:
    return "validate_only" in entry.request.DESCRIPTOR.fields_by_name


async def _apply_one(client: AsyncClient, entry: Entry, *, validate_only: bool = False) -> str:
    if _can_be_checked(entry):
        entry.request.validate_only = validate_only
    entry.request.request_id = "" if validate_only else uuid7()
    call = getattr(client.stub(entry.kind.service), entry.kind.method)
    try:
        response: Any = await until_reachable(call, entry.request, for_s=_PATIENCE_S)
    except MeterlineError as error:
        raise placed(error, [entry]) from error
    return _outcome_word(response.outcome)


class _Catalog:
    """What rating keeps, applied in one transaction."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.told = rating_pb.ApplyCatalogResponse()
        """What the last answer said."""

    async def apply(self, client: AsyncClient, *, validate_only: bool = False) -> Outcomes:
        """Apply all of it or, where anything is refused, nothing."""
        messages = [rating_pb.CatalogEntry(**{entry.kind.name.lower(): entry.request}) for entry in self.entries]
        request_id = "" if validate_only else uuid7()
        request = rating_pb.ApplyCatalogRequest(entries=messages, validate_only=validate_only, request_id=request_id)
        try:
            self.told = await until_reachable(client.rating.ApplyCatalog, request, for_s=_PATIENCE_S)
        except MeterlineError as error:
            raise placed(error, self.entries) from error
        words = map(_outcome_word, self.told.outcomes)
        names = ((entry.kind.name, entry.name) for entry in self.entries)
        return dict(zip(names, words, strict=True))


def _outcome_word(outcome: int) -> str:
    return list(_OUTCOMES)[outcome - 1].lower().replace("_", " ")


def placed(error: MeterlineError, entries: Sequence[Entry]) -> MeterlineError:
    """Return the error of a service with the place in a file, in words that tell what to write there."""
    violation = error.violations[0] if error.violations else None
    named = _ENTRY_FIELD.match(violation.field) if violation else None
    number = error.metadata.get("entry") or (named[1] if named else None) or (0 if len(entries) == 1 else None)
    if number is None:
        return error
    entry = entries[int(number)]
    if violation is None:
        return type(error)(error.reason, f"{entry.origin}: {error.message}")
    field = _ENTRY_FIELD.sub("", violation.field, count=1)
    # The contract's own words where only its rules were broken; the domain says by itself what to write.
    is_rule = violation.reason in {Reason.FIELD_INVALID, Reason.FIELD_REQUIRED}
    rule = f". {describe(entry.kind, field)}" if is_rule else ""
    return type(error)(violation.reason, f"{entry.place(field)}: {violation.message}{rule}")
