"""`meterline check`: what would become of a sample file, whatever its form, before anything is sent."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer
import yaml

from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import meter_pb2
from meterline.catalog.files import read_catalog
from meterline.cli.calls import call_services, pages
from meterline.cli.csv_columns import bind, load_map
from meterline.cli.csv_import import Table
from meterline.cli.event_batches import Reported
from meterline.cli.event_checks import Checked, check_all, checked_document, missing_properties, print_checked
from meterline.cli.file_start import no_text
from meterline.cli.map_guess import Asked, Guess, guess_map
from meterline.cli.ndjson import event_batches
from meterline.cli.options import BackfillOption, ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, say, write
from meterline.cli.unpacked import unpacked
from meterline.errors import InputError, InputErrors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from meterline.cli.event_batches import Batch
    from meterline.client import AsyncClient

_ROWS_LOOKED_AT: Final = 1000
_PEEKED: Final = 4096


@dataclass(slots=True)
class Sample:
    """What is found out about a file; `missing` counts events by meter and the property that it lacks of them."""

    checked: Checked
    form: str
    guess: Guess | None = None
    missing: Counter[tuple[str, str]] = field(default_factory=Counter)


def check(
    file: Annotated[Path, typer.Argument(help="CSV or NDJSON file, which may be compressed by gzip.")],
    map_file: Annotated[
        Path | None, typer.Option("--map", help="YAML map from columns to event fields. Default: one is suggested.")
    ] = None,
    catalog: Annotated[
        list[Path] | None,
        typer.Option("-f", "--file", help="Catalog file whose schemas and meters are tried instead of the applied."),
    ] = None,
    backfill: BackfillOption = False,  # noqa: FBT002 - an option
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Try a sample file: what would be refused, held, mended or counted, and by which meters. Nothing is kept."""
    schemas, tried = _tried(catalog or [])
    meters = _with_tried(call_services(_meters, context), tried)
    with _opened(file) as (stream, form):
        sample = Sample(Checked(Reported(), tried=schemas, tried_meters=tried), form)
        batches = _batches(file, stream, map_file, meters, sample)
        if batches is not None:
            noting = _noting(batches, meters, sample)
            call_services(
                lambda client: check_all(client, noting, sample.checked, backfill=backfill, size=None), context
            )
    _print(sample, output, backfill=backfill)


def _tried(files: Sequence[Path]) -> tuple[list[aggregator_pb.TriedSchema], list[aggregator_pb.TriedMeter]]:
    """Read the schemas and meters of catalog files. Raises InputErrors."""
    read = read_catalog(files)
    if read.mistakes:
        raise InputErrors(read.mistakes)
    schemas = [entry for entry in read.entries if entry.kind.name == "EventSchema"]
    meters = [entry for entry in read.entries if entry.kind.name == "Meter"]
    if files and not (schemas or meters):
        named = ", ".join(map(str, files))
        raise InputError(f"there is no EventSchema or Meter in {named}; leave it out, or write one")
    return (
        [aggregator_pb.TriedSchema(name=entry.name, spec=entry.request.spec) for entry in schemas],
        [aggregator_pb.TriedMeter(name=entry.name, spec=entry.request.spec) for entry in meters],
    )


def _with_tried(
    applied: Sequence[meter_pb2.Meter], tried: Sequence[aggregator_pb.TriedMeter]
) -> Sequence[meter_pb2.Meter]:
    """Return the meters with those that are tried in the place of the applied ones of their names."""
    drafts = {one.name: meter_pb2.Meter(name=one.name, spec=one.spec) for one in tried}
    return [*(meter for meter in applied if meter.name not in drafts), *drafts.values()]


async def _meters(client: AsyncClient) -> list[meter_pb2.Meter]:
    request = aggregator_pb.ListMetersRequest()
    return [meter async for page in pages(client.aggregator.ListMeters, request) for meter in page.meters]


@contextmanager
def _opened(file: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Open a file, unpacked, and say whether it is `csv` or `ndjson`. Raises InputError."""
    try:
        with file.open("rb") as packed:
            stream, _ = unpacked(packed, str(file))
            start = cast("BufferedReader", stream).peek(_PEEKED)
            fault = no_text(start)
            if fault:
                raise InputError(f"{file}: {fault}")
            is_json = start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
            yield stream, "ndjson" if is_json else "csv"
    except OSError as error:
        raise InputError(f"{file} can't be read: {error.strerror or error}") from None


def _batches(
    file: Path, stream: BinaryIO, map_file: Path | None, meters: Sequence[meter_pb2.Meter], sample: Sample
) -> Iterator[tuple[Batch, int]] | None:
    """Read a file in its form; None if it is CSV for which no whole map could be guessed."""
    reported = sample.checked.reported
    if sample.form == "ndjson":
        if map_file is not None:
            raise InputError(f"{file} holds JSON, which needs no map; leave --map out")
        return event_batches(stream, reported)
    text = TextIOWrapper(cast("Any", stream), encoding="utf-8-sig", newline="")
    table = Table(file, text, reported)
    if map_file is not None:
        return table.batches(bind(load_map(map_file), table.header, map_file))
    rows = table.look_ahead(_ROWS_LOOKED_AT)
    name = file.name.removesuffix(".gz").removesuffix(".csv")
    sample.guess = guess_map(
        table.header, [cells for cells in rows if len(cells) == len(table.header)], _asked(meters), name
    )
    if sample.guess.lacking:
        return None
    return table.batches(bind(sample.guess.definition, table.header, Path("the suggested map")))


def _asked(meters: Sequence[meter_pb2.Meter]) -> list[Asked]:
    asked: dict[str, set[str]] = {}
    for meter in meters:
        for event_type in meter.spec.event_types:
            asked.setdefault(event_type, set()).update(_properties_of(meter))
    return [Asked(event_type, frozenset(properties)) for event_type, properties in sorted(asked.items())]


def _properties_of(meter: meter_pb2.Meter) -> list[str]:
    spec = meter.spec
    computed = {dimension.name for dimension in spec.dimensions} | ({"band"} if spec.HasField("bands") else set())
    grouped = [name for name in spec.group_by if name not in computed]
    session = (spec.session.key_property, spec.session.phase_property)
    named = [spec.value_property, *session, *grouped, *(entry.property for entry in spec.filters)]
    return list(dict.fromkeys(filter(None, named)))


def _noting(
    batches: Iterator[tuple[Batch, int]], meters: Sequence[meter_pb2.Meter], sample: Sample
) -> Iterator[tuple[Batch, int]]:
    wanted = [(meter.name, frozenset(meter.spec.event_types), _properties_of(meter)) for meter in meters]
    for batch, read in batches:
        sample.missing.update(missing_properties(batch.request, wanted))
        yield batch, read


def _print(sample: Sample, output: Output, *, backfill: bool) -> None:
    checked, guess = sample.checked, sample.guess
    if output is not Output.TABLE:
        document = {
            "form": sample.form,
            **checked_document(checked),
            "missingProperties": [
                {"meter": meter, "property": key, "events": count}
                for (meter, key), count in sample.missing.most_common()
            ],
            "importMap": None if guess is None else dict(guess.definition),
            "importMapNotes": [] if guess is None else list(guess.notes),
            "importMapLacks": [] if guess is None else list(guess.lacking),
        }
        print_document(document, output)
    elif guess is not None:
        _print_guess(guess)
    if guess is not None and guess.lacking:
        raise InputError(
            f"no column of the file seems to be its {guess.lacking[0]}; complete the suggested map, save it as "
            "MAP.yaml, and run `meterline check FILE --map MAP.yaml`"
        )
    if output is Output.TABLE:
        _print_tables(sample)
    print_checked(checked, output, backfill=backfill, is_told=output is not Output.TABLE)


def _print_guess(guess: Guess) -> None:
    write("# A suggested map; look it over, save it, and import with `meterline import FILE --map MAP.yaml`.")
    for note in guess.notes:
        write(f"# {note}")
    for name in guess.lacking:
        write(f"# {name}: no column seems to be it; write it")
    write(yaml.safe_dump(dict(guess.definition), sort_keys=False, allow_unicode=True).rstrip("\n"))
    write("")


def _print_tables(sample: Sample) -> None:
    rows = [(meter, f"{count:,}") for meter, count in sorted(sample.checked.counted.items())]
    print_table(("meter that would count", ">events"), rows)
    if not rows:
        say("no meter would count anything of it; `meterline get meters` lists which types they ask for")
    if sample.checked.repairs:
        write("")
        repairs = [(*key, f"{count:,}") for key, count in sorted(sample.checked.repairs.items())]
        print_table(("type", "property its schema mends", ">events"), repairs)
    if sample.missing:
        write("")
        missing = [(meter, key, f"{count:,}") for (meter, key), count in sample.missing.most_common()]
        print_table(("meter", "property it names and events lack", ">events"), missing)
    write("")
