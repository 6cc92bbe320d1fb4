"""`meterline get contract NAME`: a contract, which plan rules it from which day, and its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline.cli.calls import call_services
from meterline.cli.documents import message_document, short_time
from meterline.cli.options import Output
from meterline.cli.output import print_document, print_table, write
from meterline.cli.tables import CONTRACT_COLUMNS, contract_row, plan_text

if TYPE_CHECKING:
    from pathlib import Path

    from metering.rating.v1 import catalog_pb2
    from meterline.client import AsyncClient

_VERSION_COLUMNS = (">version", "applied", "plan", "plan from", "end", "reason")


def show_contract(name: str, context: Path | None, output: Output, *, all_versions: bool) -> None:
    """Show a contract; also all of its versions if they are wanted."""
    request = rating_pb.GetContractRequest(name=name, all_versions=all_versions)

    async def ask(client: AsyncClient) -> rating_pb.GetContractResponse:
        return await client.rating.GetContract(request)

    found = call_services(ask, context)
    if output is not Output.TABLE:
        print_document(_document(found), output)
        return
    if all_versions:
        print_table(_VERSION_COLUMNS, map(_version_row, found.versions))
    else:
        print_table(CONTRACT_COLUMNS, [contract_row(found.contract)])
        if found.contract.spec.extends:
            write(f"add-on of contract {found.contract.spec.extends}, ends with it at the latest")
    for ruling in found.rulings:
        inside = " (also inside a period)" if ruling.mid_period else ""
        said = f"as version {ruling.contract_version} of the contract says"
        write(f"from {ruling.day}{inside}: plan {plan_text(ruling)}, {said}")


def _document(found: rating_pb.GetContractResponse) -> dict[str, Any]:
    document = message_document(found.contract)
    document["rulings"] = [message_document(ruling) for ruling in found.rulings]
    if found.versions:
        document["versions"] = [message_document(version) for version in found.versions]
    return document


def _version_row(contract: catalog_pb2.Contract) -> tuple[str, ...]:
    spec = contract.spec
    return (
        str(contract.version),
        short_time(contract.created_at),
        plan_text(spec),
        spec.effective_from or "-",
        spec.end or "open",
        spec.reason or "-",
    )
