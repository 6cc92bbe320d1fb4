"""`meterline apply` and `meterline get`: the catalogue as YAML files, checked whole before anything is sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import jsonschema
import typer
import yaml
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import values_pb2
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
from metering.rating.v1 import catalog_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.output import print_document, print_table
from meterline.cli.running import ContextOption, InputError, Output, OutputOption, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from meterline.client import AsyncClient

_OUTCOMES: Final = {
    values_pb2.APPLY_OUTCOME_CREATED: "created",
    values_pb2.APPLY_OUTCOME_UNCHANGED: "unchanged",
    values_pb2.APPLY_OUTCOME_NEW_VERSION: "new version",
}
_KINDS_IN_ORDER: Final = ("Meter", "Product", "Plan", "Customer", "Contract", "BillingProfile")
"""What is referred to comes before what refers to it, whatever the order in the file."""


@dataclass(frozen=True, slots=True)
class CatalogObject:
    """One document of a catalogue file."""

    kind: str
    name: str
    spec: Mapping[str, Any]
    place: str


def apply(
    files: Annotated[
        list[Path], typer.Option("-f", "--file", help="Catalogue file, or - for standard input; repeat for several.")
    ],
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the catalogue what the files say. Applying them again changes nothing."""
    objects = sorted(
        (entry for file in files for entry in load_catalog(file)), key=lambda entry: _KINDS_IN_ORDER.index(entry.kind)
    )
    _refuse_twins(objects)

    async def apply_all(client: AsyncClient) -> list[tuple[CatalogObject, str]]:
        # Every message can be made before the first is sent.
        for entry in objects:
            build(entry)
        return [(entry, _OUTCOMES[await _APPLIERS[entry.kind](client, entry)]) for entry in objects]

    results = run(apply_all, context)
    if output is not Output.TABLE:
        print_document([{"kind": e.kind, "name": e.name, "outcome": outcome} for e, outcome in results], output)
        return
    print_table(("kind", "name", "outcome"), [(entry.kind, entry.name, outcome) for entry, outcome in results])


def load_catalog(file: Path) -> list[CatalogObject]:
    """Read a multi-document YAML file and check it against the published schema. Raises InputError."""
    if str(file) == "-":
        text = typer.get_text_stream("stdin").read()
    else:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file} can't be read: {error}") from None
    try:
        documents = list(yaml.load_all(text, _StrictLoader))
    except yaml.YAMLError as error:
        raise InputError(f"{file} is no valid YAML: {' '.join(str(error).split())}") from None
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    return [_checked(document, n, file, validator) for n, document in enumerate(documents, 1) if document is not None]


def schema_text() -> str:
    """Give the published JSON Schema of a catalogue document."""
    return resources.files("meterline").joinpath("catalog.schema.json").read_text(encoding="utf-8")


def _checked(
    document: Any,
    number: int,
    file: Path,
    validator: jsonschema.Draft202012Validator,
) -> CatalogObject:
    problem = jsonschema.exceptions.best_match(validator.iter_errors(document))
    place = f"{file}, document {number}"
    if isinstance(document, dict) and isinstance(document.get("metadata"), dict):
        place += f" ({document.get('kind')} {document['metadata'].get('name')})"
    if problem is not None:
        path = ".".join(str(step) for step in problem.absolute_path) or "the document"
        raise InputError(f"{place}: {path}: {problem.message}")
    name = str(document["metadata"]["name"]) if "metadata" in document else "default"
    return CatalogObject(document["kind"], name, document["spec"], place)


def _refuse_twins(objects: list[CatalogObject]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for entry in objects:
        first = seen.setdefault((entry.kind, entry.name), entry.place)
        if first != entry.place:
            raise InputError(f"{entry.place}: {entry.kind} {entry.name} is given twice; the first is in {first}")


class _StrictLoader(yaml.SafeLoader):
    """Reads numbers and dates as the texts they were written as: 0.1 must not pass through a float."""


def _as_written(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


def _mapping_without_twins(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _value in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", node.start_mark)
    return loader.construct_mapping(node, deep=True)


for _tag in ("float", "int", "timestamp"):
    _StrictLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _as_written)
_StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping_without_twins)


# --- documents to messages -------------------------------------------------------------------------------------------


def meter_spec(spec: Mapping[str, Any]) -> meter_pb2.MeterSpec:
    """Read the spec of a Meter."""
    message = meter_pb2.MeterSpec(
        event_types=spec["eventTypes"],
        aggregation=meter_pb2.Aggregation.Value(f"AGGREGATION_{spec['aggregation']}"),
        value_property=spec.get("value", ""),
        filters=[
            meter_pb2.PropertyFilter(property=key, values=values if isinstance(values, list) else [values])
            for key, values in spec.get("filter", {}).items()
        ],
        group_by=spec.get("groupBy", []),
        unit=spec.get("unit", ""),
        bucket_minutes=int(spec.get("bucketMinutes", 0)),
        description=spec.get("description", ""),
    )
    _set_effective_from(message, spec)
    return message


def plan_spec(spec: Mapping[str, Any]) -> catalog_pb2.PlanSpec:
    """Read the spec of a Plan."""
    message = catalog_pb2.PlanSpec(
        currency=spec["currency"],
        items=[_plan_item(item) for item in spec["items"]],
        description=spec.get("description", ""),
    )
    _set_effective_from(message, spec)
    return message


def _plan_item(item: Mapping[str, Any]) -> catalog_pb2.PlanItem:
    message = catalog_pb2.PlanItem(name=item["name"], meter=item.get("meter", ""), product=item.get("product", ""))
    if "fixed" in item:
        message.fixed.amount = item["fixed"]["amount"]
    else:
        message.usage.CopyFrom(_usage_price(item["price"]))
    return message


def _usage_price(price: Mapping[str, Any]) -> catalog_pb2.UsagePrice:
    message = catalog_pb2.UsagePrice(included=price.get("included", ""), minimum=price.get("minimum", ""))
    if "perUnit" in price:
        message.per_unit.unit = price["perUnit"]
    elif "graduated" in price:
        message.graduated.tiers.extend(_tier(tier) for tier in price["graduated"]["tiers"])
    elif "volume" in price:
        message.volume.tiers.extend(_tier(tier) for tier in price["volume"]["tiers"])
    else:
        message.package.size = price["package"]["size"]
        message.package.unit = price["package"]["unit"]
    return message


def _tier(tier: Mapping[str, Any]) -> catalog_pb2.PriceTier:
    return catalog_pb2.PriceTier(up_to=tier.get("upTo", ""), unit=tier["unit"], flat=tier.get("flat", ""))


def contract_spec(spec: Mapping[str, Any]) -> catalog_pb2.ContractSpec:
    """Read the spec of a Contract."""
    return catalog_pb2.ContractSpec(
        customer=spec["customer"],
        plan=spec["plan"],
        plan_version=int(spec.get("planVersion", 0)),
        start=spec["start"],
        end=spec.get("end", ""),
        interval=catalog_pb2.BillingInterval.Value(f"BILLING_INTERVAL_{spec.get('interval', 'MONTH')}"),
        anchor_day=int(spec.get("anchorDay", 0)),
        time_zone=spec["timeZone"],
    )


def profile_spec(spec: Mapping[str, Any]) -> invoice_pb2.BillingProfileSpec:
    """Read the spec of a BillingProfile."""
    grace_hours = spec.get("graceHours")
    return invoice_pb2.BillingProfileSpec(
        seller=spec.get("seller", ""),
        number_prefix=spec.get("numberPrefix", "INV"),
        grace=None if grace_hours is None else Duration(seconds=int(grace_hours) * 3600),
    )


def _set_effective_from(message: meter_pb2.MeterSpec | catalog_pb2.PlanSpec, spec: Mapping[str, Any]) -> None:
    if "effectiveFrom" not in spec:
        return
    try:
        moment = datetime.fromisoformat(spec["effectiveFrom"])
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        raise InputError(f"effectiveFrom {spec['effectiveFrom']!r} is no time; write 2013-01-01T00:00:00Z") from None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    message.effective_from.CopyFrom(timestamp)


def build(entry: CatalogObject) -> object:
    """Make the message of a document; raises InputError for what the schema can't see."""
    if entry.kind == "Contract":
        for key in ("start", "end"):
            _check_date(entry, key)
    return _SPECS[entry.kind](entry.spec)


def _check_date(entry: CatalogObject, key: str) -> None:
    try:
        date.fromisoformat(entry.spec.get(key, "2000-01-01"))
    except ValueError:
        raise InputError(f"{entry.place}: spec.{key}: {entry.spec[key]!r} is no date of the calendar") from None


def _product_spec(spec: Mapping[str, Any]) -> catalog_pb2.ProductSpec:
    return catalog_pb2.ProductSpec(display_name=spec.get("displayName", ""), meter=spec["meter"])


def _customer_spec(spec: Mapping[str, Any]) -> catalog_pb2.CustomerSpec:
    return catalog_pb2.CustomerSpec(display_name=spec.get("displayName", ""), currency=spec["currency"])


_SPECS: Final[Mapping[str, Callable[[Mapping[str, Any]], object]]] = {
    "Meter": meter_spec,
    "Product": _product_spec,
    "Plan": plan_spec,
    "Customer": _customer_spec,
    "Contract": contract_spec,
    "BillingProfile": profile_spec,
}


async def _apply_meter(client: AsyncClient, entry: CatalogObject) -> values_pb2.ApplyOutcome.ValueType:
    request = aggregator_pb.ApplyMeterRequest(name=entry.name, spec=meter_spec(entry.spec))
    return (await client.aggregator.ApplyMeter(request)).outcome


async def _apply_product(client: AsyncClient, entry: CatalogObject) -> values_pb2.ApplyOutcome.ValueType:
    request = rating_pb.ApplyProductRequest(name=entry.name, spec=_product_spec(entry.spec))
    return (await client.rating.ApplyProduct(request)).outcome


async def _apply_plan(client: AsyncClient, entry: CatalogObject) -> values_pb2.ApplyOutcome.ValueType:
    request = rating_pb.ApplyPlanRequest(name=entry.name, spec=plan_spec(entry.spec))
    return (await client.rating.ApplyPlan(request)).outcome


async def _apply_customer(client: AsyncClient, entry: CatalogObject) -> values_pb2.ApplyOutcome.ValueType:
    request = rating_pb.ApplyCustomerRequest(name=entry.name, spec=_customer_spec(entry.spec))
    return (await client.rating.ApplyCustomer(request)).outcome


async def _apply_contract(client: AsyncClient, entry: CatalogObject) -> values_pb2.ApplyOutcome.ValueType:
    request = rating_pb.ApplyContractRequest(name=entry.name, spec=contract_spec(entry.spec))
    return (await client.rating.ApplyContract(request)).outcome


async def _apply_profile(client: AsyncClient, entry: CatalogObject) -> values_pb2.ApplyOutcome.ValueType:
    request = invoicing_pb.ApplyBillingProfileRequest(spec=profile_spec(entry.spec))
    return (await client.invoicing.ApplyBillingProfile(request)).outcome


_APPLIERS: Final[Mapping[str, Callable[[AsyncClient, CatalogObject], Awaitable[values_pb2.ApplyOutcome.ValueType]]]] = {
    "Meter": _apply_meter,
    "Product": _apply_product,
    "Plan": _apply_plan,
    "Customer": _apply_customer,
    "Contract": _apply_contract,
    "BillingProfile": _apply_profile,
}
