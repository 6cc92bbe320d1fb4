"""`meterline apply`: the catalog as YAML files, checked whole before anything is written."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from chassis.errors import MeterlineError
from chassis.garbage import search_rarely
from metering.common.v1 import values_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.catalog.files import CatalogFiles, Entry, read_catalog
from meterline.catalog.messages import enum_words
from meterline.catalog.parts import PART_ENTRIES_MAX, Part, parts_of
from meterline.cli.calls import call_services, until_reachable
from meterline.cli.catalog_faults import Faults
from meterline.cli.changes import CHANGES_MAX, add_changes, changes_by_entry, write_changes
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say
from meterline.cli.price_lint import tell_odd_prices
from meterline.cli.unknown_meters import tell_unknown_meters, unknown_meters
from meterline.errors import InputError, InputErrors
from meterline.suite.errors import SuiteError
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from meterline.client import AsyncClient

_OUTCOMES: Final = enum_words(values_pb2.DESCRIPTOR.enum_types_by_name["ApplyOutcome"])
_TOGETHER: Final = rating_pb.CatalogEntry.DESCRIPTOR.oneofs_by_name["entry"]
"""The kinds that rating keeps, and that are applied together."""

_PATIENCE_S: Final = 15.0
"""A service that restarts is back by then."""

_METER: Final = "Meter"
_UNCHANGED: Final = "unchanged"
_ROWS_MAX: Final = 1_000
_TELL_EVERY_S: Final = 2.0


def apply(
    files: Annotated[
        list[Path], typer.Option("-f", "--file", help="Catalog file, or - for standard input; repeat for several.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and say what would change; write nothing.")] = False,  # noqa: FBT002
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the catalog what the files say. Applying them again changes nothing."""
    search_rarely()
    read = read_catalog(files)
    if read.mistakes:
        raise InputErrors([*read.mistakes, *_faults_besides(read, context)])
    entries = read.entries
    if not entries:
        raise InputError(f"there is no document in {', '.join(map(str, files))}")

    async def ask(client: AsyncClient) -> tuple[Outcomes, rating_pb.ApplyCatalogResponse]:
        done = await _apply_all(client, entries, dry_run=dry_run)
        tell_unknown_meters(await unknown_meters(client, entries))
        await tell_odd_prices(client, entries)
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
Checked = tuple[Outcomes, rating_pb.ApplyCatalogResponse]


def _faults_besides(files: CatalogFiles, context: Path | None) -> list[str]:
    """Return what the services refuse of documents whose form is good, beside others that can't be read."""

    async def ask(client: AsyncClient) -> list[str]:
        faults = Faults(files.refused)
        await _check_all(client, _Work(files.entries, patience_s=0), faults, told_max=0)
        return faults.texts

    # Without a service there is enough to mend already; and a name may stand where a file could not be read.
    with suppress(MeterlineError, SuiteError, InputError):
        return call_services(ask, context) if files.entries and files.is_whole else []
    return []


class _Work:
    """The entries of a catalog in the portions in which they are checked and applied."""

    def __init__(self, entries: Sequence[Entry], patience_s: float = _PATIENCE_S) -> None:
        """Divide them. `patience_s`: how long a service may be away."""
        together = {field.name for field in _TOGETHER.fields}
        alone = (entry for entry in entries if entry.kind.name.lower() not in together)
        self.single = sorted(alone, key=lambda entry: (_can_be_checked(entry), bool(_meters_read(entry))))
        self.parts = parts_of([entry for entry in entries if entry.kind.name.lower() in together])
        self.progress = _Progress(len(entries) - len(self.single))
        self.patience_s = patience_s


async def _apply_all(client: AsyncClient, entries: Sequence[Entry], *, dry_run: bool) -> Checked:
    """Have everything checked, then apply it: what can't be checked apart from being applied comes first."""
    work, faults = _Work(entries), Faults()
    outcomes, told = await _check_all(client, work, faults, told_max=CHANGES_MAX if dry_run else 0)
    faults.raise_any()
    if dry_run:
        return outcomes, told
    told = rating_pb.ApplyCatalogResponse()
    for entry in work.single:
        with faults.of([entry]):
            outcomes[entry.kind.name, entry.name] = await _apply_one(client, entry, work.patience_s)
        faults.raise_any()
    with work.progress.of("applied") as tell:
        for part in work.parts:
            # What is so already needs no transaction: after an interruption, only what is left is applied.
            changed = [entry for entry in part.entries if outcomes[entry.kind.name, entry.name] != _UNCHANGED]
            if changed:
                with faults.of(changed):
                    response = await _apply_part(client, Part(changed), work.patience_s, _left(told, CHANGES_MAX))
                    outcomes |= _outcomes_of(Part(changed), response)
                    add_changes(told, response)
                faults.raise_any()
            tell(len(part.entries))
    return outcomes, told


async def _check_all(client: AsyncClient, work: _Work, faults: Faults, *, told_max: int) -> Checked:
    """Have everything checked; what is wrong goes to `faults`. At most `told_max` changes of contracts are told."""
    outcomes: Outcomes = {(entry.kind.name, entry.name): "not checked" for entry in work.single}
    told = rating_pb.ApplyCatalogResponse()
    meters = {entry.name: entry for entry in work.single if entry.kind.name == _METER}
    for entry in filter(_can_be_checked, work.single):
        for name in _meters_read(entry).intersection(meters):
            entry.request.applied_before.add(name=name, spec=meters[name].request.spec)
        with faults.of([entry]):
            outcomes[entry.kind.name, entry.name] = await _apply_one(client, entry, work.patience_s, validate_only=True)
    with work.progress.of("checked") as tell:
        for whole in work.parts:
            part, known = whole.without(faults.refused), -1
            # Entries that break a rule of the contract keep the others from being looked at: once more without them.
            while (part.entries or part.needed) and known != len(faults.refused) and not faults.are_enough:
                known = len(faults.refused)
                with faults.of([*part.needed, *part.entries]):
                    response = await _apply_part(
                        client, part, work.patience_s, _left(told, told_max), validate_only=True
                    )
                    outcomes |= _outcomes_of(part, response)
                    add_changes(told, response)
                part = part.without(faults.refused)
            tell(len(whole.entries))
    return outcomes, told


def _left(told: rating_pb.ApplyCatalogResponse, told_max: int) -> int:
    return max(told_max - len(told.contract_changes), 0)


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


def _meters_read(entry: Entry) -> frozenset[str]:
    """Return the meters that a meter is computed from, if it is."""
    components = entry.request.spec.formula.components if entry.kind.name == _METER else ()
    return frozenset(component.meter for component in components)


async def _apply_one(client: AsyncClient, entry: Entry, patience_s: float, *, validate_only: bool = False) -> str:
    if _can_be_checked(entry):
        entry.request.validate_only = validate_only
    entry.request.request_id = "" if validate_only else uuid7()
    call = getattr(client.stub(entry.kind.service), entry.kind.method)
    response: Any = await until_reachable(call, entry.request, for_s=patience_s)
    return _outcome_word(response.outcome)


async def _apply_part(
    client: AsyncClient, part: Part, patience_s: float, told_max: int, *, validate_only: bool = False
) -> rating_pb.ApplyCatalogResponse:
    """Apply a part in one transaction: all of it or, where anything is refused, nothing."""
    entries = [*part.needed, *part.entries]
    messages = [rating_pb.CatalogEntry(**{entry.kind.name.lower(): entry.request}) for entry in entries]
    request_id = "" if validate_only else uuid7()
    request = rating_pb.ApplyCatalogRequest(
        entries=messages, validate_only=validate_only, request_id=request_id, contract_changes_max=told_max
    )
    return await until_reachable(client.rating.ApplyCatalog, request, for_s=patience_s)


def _outcomes_of(part: Part, response: rating_pb.ApplyCatalogResponse) -> Outcomes:
    """Return what became of the entries of a part, without those that it only needed."""
    words = map(_outcome_word, response.outcomes)
    entries = [*part.needed, *part.entries]
    outcomes = dict(zip(((entry.kind.name, entry.name) for entry in entries), words, strict=True))
    return {key: outcome for key, outcome in outcomes.items() if key not in _keys(part.needed)}


def _keys(entries: Sequence[Entry]) -> set[tuple[str, str]]:
    return {(entry.kind.name, entry.name) for entry in entries}


def _outcome_word(outcome: int) -> str:
    return list(_OUTCOMES)[outcome - 1].lower().replace("_", " ")
