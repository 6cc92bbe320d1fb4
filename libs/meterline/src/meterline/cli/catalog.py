"""`meterline apply`: the catalogue as YAML files, checked whole before anything is written."""

from __future__ import annotations

import json
import re
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import jsonschema
import typer
import yaml

from chassis.errors import MeterlineError
from metering.common.v1 import values_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.calls import call_services, until_reachable
from meterline.cli.catalog_checks import check
from meterline.cli.catalog_messages import CatalogObject, catalog_entry, meter_request, profile_request
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, write
from meterline.errors import InputError
from meterline.uuid7 import uuid7
from meterline.yaml_text import StrictLoader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meterline.client import AsyncClient

_OUTCOMES: Final = {
    values_pb2.APPLY_OUTCOME_CREATED: "created",
    values_pb2.APPLY_OUTCOME_UNCHANGED: "unchanged",
    values_pb2.APPLY_OUTCOME_NEW_VERSION: "new version",
}
_KINDS_IN_ORDER: Final = ("Meter", "Product", "Plan", "Customer", "Contract", "BillingProfile")
"""What is referred to comes before what refers to it, whatever the order in the file."""

_PATIENCE_S: Final = 15.0
"""A service that restarts is back by then."""

_TEXT_CHARS_MAX: Final = 300
_ENTRY_FIELD: Final = re.compile(r"entries\[(\d+)\]\.?")
_RATING_KINDS: Final = frozenset({"Product", "Plan", "Customer", "Contract"})


def apply(
    files: Annotated[
        list[Path], typer.Option("-f", "--file", help="Catalogue file, or - for standard input; repeat for several.")
    ],
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the catalog what the files say. Applying them again changes nothing."""
    objects = sorted(
        (entry for file in files for entry in load_catalog(file)), key=lambda entry: _KINDS_IN_ORDER.index(entry.kind)
    )
    if not objects:
        raise InputError(f"there is no document in {', '.join(map(str, files))}")
    check(objects)
    outcomes = call_services(lambda client: _apply_all(client, objects), context)
    results = [(entry.kind, entry.name, _OUTCOMES[outcomes[entry.kind, entry.name]]) for entry in objects]
    if output is Output.TABLE:
        print_table(("kind", "name", "outcome"), results)
    else:
        print_document([{"kind": kind, "name": name, "outcome": outcome} for kind, name, outcome in results], output)


Outcomes = dict[tuple[str, str], values_pb2.ApplyOutcome.ValueType]


async def _apply_all(client: AsyncClient, objects: Sequence[CatalogObject]) -> Outcomes:
    """Apply meters, then all that rating keeps in one transaction, then the billing profile.

    Every message is made, and rating asked whether it would take its part, before anything is written.
    """
    meters = [(entry, meter_request(entry)) for entry in objects if entry.kind == "Meter"]
    profiles = [(entry, profile_request(entry)) for entry in objects if entry.kind == "BillingProfile"]
    rated = [entry for entry in objects if entry.kind in _RATING_KINDS]
    catalog = rating_pb.ApplyCatalogRequest(entries=[catalog_entry(entry) for entry in rated])
    outcomes: Outcomes = {}
    if rated:
        catalog.validate_only = True
        await _apply_rated(client, catalog, rated)
    for entry, meter in meters:
        counted = await until_reachable(client.aggregator.ApplyMeter, meter, for_s=_PATIENCE_S)
        outcomes[entry.kind, entry.name] = counted.outcome
    if rated:
        catalog.validate_only = False
        catalog.request_id = uuid7()
        response = await _apply_rated(client, catalog, rated)
        names = ((entry.kind, entry.name) for entry in rated)
        outcomes |= dict(zip(names, response.outcomes, strict=True))
    for entry, profile in profiles:
        applied = await until_reachable(client.invoicing.ApplyBillingProfile, profile, for_s=_PATIENCE_S)
        outcomes[entry.kind, entry.name] = applied.outcome
    return outcomes


async def _apply_rated(
    client: AsyncClient, catalog: rating_pb.ApplyCatalogRequest, rated: Sequence[CatalogObject]
) -> rating_pb.ApplyCatalogResponse:
    try:
        return await until_reachable(client.rating.ApplyCatalog, catalog, for_s=_PATIENCE_S)
    except MeterlineError as error:
        named = _ENTRY_FIELD.match(error.violations[0].field) if error.violations else None
        number = error.metadata.get("entry") or (named[1] if named else None)
        if number is None:
            raise
        message = f"{rated[int(number)].place}: {_ENTRY_FIELD.sub('', error.message)}"
        raise type(error)(error.reason, message) from error


def load_catalog(file: Path) -> list[CatalogObject]:
    """Read a multi-document YAML file and check it against the published schema. Raises InputError."""
    name = "standard input" if str(file) == "-" else str(file)
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        documents = list(yaml.load_all(data.decode("utf-8-sig"), StrictLoader))
    except OSError as error:
        raise InputError(f"{name} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8: byte {error.start + 1} is 0x{error.object[error.start]:02x}") from None
    except RecursionError:
        raise InputError(f"{name} is no catalogue: nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{name} is no valid YAML: {' '.join(str(error).split())}") from None
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    return [_checked(document, n, name, validator) for n, document in enumerate(documents, 1) if document is not None]


def schema() -> None:
    """Print the JSON Schema of catalog files."""
    write(schema_text().rstrip("\n"))


def schema_text() -> str:
    """Give the published JSON Schema of a catalogue document."""
    return resources.files("meterline").joinpath("catalog.schema.json").read_text(encoding="utf-8")


def _checked(document: Any, number: int, file: str, validator: jsonschema.Draft202012Validator) -> CatalogObject:
    problem = jsonschema.exceptions.best_match(validator.iter_errors(document))
    place = f"{file}, document {number}"
    if isinstance(document, dict) and isinstance(document.get("metadata"), dict):
        place += f" ({document.get('kind')} {document['metadata'].get('name')})"
    if problem is not None:
        path = ".".join(str(step) for step in problem.absolute_path) or "the document"
        raise InputError(f"{place}: {path}: {_problem_text(problem)}")
    name = str(document["metadata"]["name"]) if "metadata" in document else "default"
    return CatalogObject(document["kind"], name, document["spec"], place)


def _problem_text(problem: jsonschema.ValidationError) -> str:
    """Say what is wrong in the schema's own words, where it has some: a pattern tells most people nothing."""
    description = problem.schema.get("description") if isinstance(problem.schema, dict) else None
    if problem.validator == "pattern" and description:
        return f"{str(problem.instance)[:_TEXT_CHARS_MAX]!r} is not allowed. {description}"
    text = " ".join(problem.message.split())
    return text if len(text) <= _TEXT_CHARS_MAX else f"{text[:_TEXT_CHARS_MAX]}…"
