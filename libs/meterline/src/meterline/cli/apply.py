"""`meterline apply`: the catalog as YAML files, checked whole before anything is written."""

from __future__ import annotations

import re
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from chassis.errors import FieldViolation, InvalidRequest, MeterlineError, NotFound, Reason
from metering.common.v1 import values_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.catalog.files import Entry, load_catalog
from meterline.catalog.messages import enum_words
from meterline.catalog.parts import PART_ENTRIES_MAX, Part, parts_of
from meterline.catalog.published import describe
from meterline.cli.calls import call_services, until_reachable
from meterline.cli.changes import add_changes, changes_by_entry, write_changes
from meterline.cli.exits import ExitCode, explain_error, fail_for_all
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say
from meterline.cli.unknown_meters import tell_unknown_meters, unknown_meters
from meterline.errors import InputError
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from meterline.client import AsyncClient

_OUTCOMES: Final = enum_words(values_pb2.DESCRIPTOR.enum_types_by_name["ApplyOutcome"])
_TOGETHER: Final = rating_pb.CatalogEntry.DESCRIPTOR.oneofs_by_name["entry"]
"""The kinds that rating keeps, and that are applied together."""

_PATIENCE_S: Final = 15.0
"""A service that restarts is back by then."""

_UNCHANGED: Final = "unchanged"
_ROWS_MAX: Final = 1_000
_TELL_EVERY_S: Final = 2.0

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
    if output is not Output.TABLE:
        changes = changes_by_entry(told)
        print_document(
            [
                {"kind": kind, "name": name, "outcome": outcome, "change": changes.get((kind, name))}
                for kind, name, outcome in results
            ],
            output,
        )
    elif len(results) <= _ROWS_MAX:
        print_table(("kind", "name", "outcome"), results)
    else:
        counts = Counter((kind, outcome) for kind, _name, outcome in results)
        print_table(("kind", "outcome", ">entries"), [(*key, f"{count:,}") for key, count in counts.items()])
    if output is Output.TABLE:
        write_changes(told)
    if dry_run:
        say("nothing was written (--dry-run)")


Outcomes = dict[tuple[str, str], str]


async def _apply_all(
    client: AsyncClient, entries: Sequence[Entry], *, dry_run: bool
) -> tuple[Outcomes, rating_pb.ApplyCatalogResponse]:
    """Have everything checked, then apply it: what can't be checked apart from being applied comes first."""
    together = {field.name for field in _TOGETHER.fields}
    single = sorted((entry for entry in entries if entry.kind.name.lower() not in together), key=_can_be_checked)
    parts = parts_of([entry for entry in entries if entry.kind.name.lower() in together])
    outcomes: Outcomes = {(entry.kind.name, entry.name): "not checked" for entry in single}
    told = rating_pb.ApplyCatalogResponse()
    faults = _Faults()
    for entry in filter(_can_be_checked, single):
        with faults.of([entry]):
            outcomes[entry.kind.name, entry.name] = await _apply_one(client, entry, validate_only=True)
    progress = _Progress(len(entries) - len(single))
    with progress.of("checked") as tell:
        for part in parts:
            with faults.of([*part.needed, *part.entries]):
                response = await _apply_part(client, part, validate_only=True)
                outcomes |= _outcomes_of(part, response)
                add_changes(told, response)
            tell(len(part.entries))
    faults.raise_any()
    if dry_run:
        return outcomes, told
    told = rating_pb.ApplyCatalogResponse()
    for entry in single:
        with faults.of([entry]):
            outcomes[entry.kind.name, entry.name] = await _apply_one(client, entry)
        faults.raise_any()
    with progress.of("applied") as tell:
        for part in parts:
            # What is so already needs no transaction: after an interruption, only what is left is applied.
            changed = [entry for entry in part.entries if outcomes[entry.kind.name, entry.name] != _UNCHANGED]
            if changed:
                with faults.of(changed):
                    response = await _apply_part(client, Part(changed))
                    outcomes |= _outcomes_of(Part(changed), response)
                    add_changes(told, response)
                faults.raise_any()
            tell(len(part.entries))
    return outcomes, told


class _Progress:
    """A bar at a terminal and a line now and then elsewhere, if there is enough to do that somebody may wonder."""

    def __init__(self, count: int) -> None:
        self._count = count if count > PART_ENTRIES_MAX else 0
        self._told_at_s = time.monotonic()

    @contextmanager
    def of(self, word: str) -> Iterator[Callable[[int], None]]:
        """Show one pass over the entries; the block tells how many more are done."""
        from rich.progress import TaskProgressColumn  # noqa: PLC0415 - as in `output`

        from meterline.cli.terminal import progress_bar  # noqa: PLC0415

        with progress_bar(f"{{task.completed:,.0f}} {word}", TaskProgressColumn()) as bar:
            task = bar.add_task(word, total=self._count, visible=bool(self._count))
            done = 0

            def tell(count: int) -> None:
                nonlocal done
                done += count
                bar.update(task, completed=done)
                if self._count and bar.disable and time.monotonic() - self._told_at_s >= _TELL_EVERY_S:
                    self._told_at_s = time.monotonic()
                    say(f"{done:,} of {self._count:,} entries {word}")

            yield tell


def _can_be_checked(entry: Entry) -> bool:
    return "validate_only" in entry.request.DESCRIPTOR.fields_by_name


async def _apply_one(client: AsyncClient, entry: Entry, *, validate_only: bool = False) -> str:
    if _can_be_checked(entry):
        entry.request.validate_only = validate_only
    entry.request.request_id = "" if validate_only else uuid7()
    call = getattr(client.stub(entry.kind.service), entry.kind.method)
    response: Any = await until_reachable(call, entry.request, for_s=_PATIENCE_S)
    return _outcome_word(response.outcome)


async def _apply_part(
    client: AsyncClient, part: Part, *, validate_only: bool = False
) -> rating_pb.ApplyCatalogResponse:
    """Apply a part in one transaction: all of it or, where anything is refused, nothing."""
    entries = [*part.needed, *part.entries]
    messages = [rating_pb.CatalogEntry(**{entry.kind.name.lower(): entry.request}) for entry in entries]
    request_id = "" if validate_only else uuid7()
    request = rating_pb.ApplyCatalogRequest(entries=messages, validate_only=validate_only, request_id=request_id)
    return await until_reachable(client.rating.ApplyCatalog, request, for_s=_PATIENCE_S)


def _outcomes_of(part: Part, response: rating_pb.ApplyCatalogResponse) -> Outcomes:
    """Return what became of the entries of a part, without those that it only needed."""
    words = map(_outcome_word, response.outcomes)
    entries = [*part.needed, *part.entries]
    outcomes = dict(zip(((entry.kind.name, entry.name) for entry in entries), words, strict=True))
    return {key: outcome for key, outcome in outcomes.items() if key not in _keys(part.needed)}


def _keys(entries: Sequence[Entry]) -> set[tuple[str, str]]:
    return {(entry.kind.name, entry.name) for entry in entries}


class _Faults:
    """What services refuse of the files, told together."""

    def __init__(self) -> None:
        self._errors: dict[str, MeterlineError] = {}
        self._untold = 0

    @contextmanager
    def of(self, entries: Sequence[Entry]) -> Iterator[None]:
        """Keep what a service refuses of entries that were sent to it."""
        try:
            yield
        except (InvalidRequest, NotFound) as error:
            found = placed(error, entries)
            # The first text of each: a plan that several parts need is refused in each of them.
            self._errors = {str(one): one for one in found} | self._errors
            self._untold += max(int(error.metadata.get("violations", "0")) - len(found), 0)

    def raise_any(self) -> None:
        """End with all faults, if there are any."""
        if len(self._errors) == 1 and not self._untold:
            raise next(iter(self._errors.values()))
        if self._errors:
            fail_for_all([explain_error(error) for error in self._errors.values()], ExitCode.REFUSED, self._untold)


def _outcome_word(outcome: int) -> str:
    return list(_OUTCOMES)[outcome - 1].lower().replace("_", " ")


def placed(error: MeterlineError, entries: Sequence[Entry]) -> list[MeterlineError]:
    """Return the faults of a service's error, each with its place in a file and in words that tell what to write."""
    if not error.violations:
        number = error.metadata.get("entry") or (0 if len(entries) == 1 else None)
        if number is None:
            return [error]
        return [type(error)(error.reason, f"{entries[int(number)].origin}: {error.message}")]
    return [_placed(error, violation, entries) for violation in error.violations]


def _placed(error: MeterlineError, violation: FieldViolation, entries: Sequence[Entry]) -> MeterlineError:
    named = _ENTRY_FIELD.match(violation.field)
    number = (named[1] if named else None) or error.metadata.get("entry") or (0 if len(entries) == 1 else None)
    if number is None:
        return type(error)(violation.reason, f"{violation.field}: {violation.message}")
    entry = entries[int(number)]
    field = _ENTRY_FIELD.sub("", violation.field, count=1)
    # The contract's own words where only its rules were broken; the domain says by itself what to write.
    is_rule = violation.reason in {Reason.FIELD_INVALID, Reason.FIELD_REQUIRED}
    rule = f". {describe(entry.kind, field)}" if is_rule else ""
    return type(error)(violation.reason, f"{entry.place(field)}: {violation.message}{rule}")
