"""`meterline entitlement …`: what a customer may use, how much of it is left, and what is held or granted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from google.protobuf import json_format

from metering.rating.v1 import entitlement_pb2 as pb
from meterline.cli.calls import call_services
from meterline.cli.documents import as_of_document
from meterline.cli.exits import ExitCode
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, say, write
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from collections.abc import Iterable

app = plain_app("What a customer may use, how much of it is left, and what is held or granted.")
CustomerOption = Annotated[str, typer.Option("--customer", help="Customer.")]
FeatureArgument = Annotated[str, typer.Argument(metavar="FEATURE", help="Name of the feature, as the plan has it.")]
ReservationArgument = Annotated[str, typer.Argument(metavar="ID", help="Id by which it was reserved.")]
_COLUMNS: Final = (
    "feature",
    "value",
    ">limit",
    ">used",
    ">held",
    ">remaining",
    ">beyond",
    "unit",
    "period ends",
    "note",
)
_SOFT: Final = "soft limit"
_WORDS: Final = {
    pb.ENTITLEMENT_VERDICT_ALLOWED: "allowed",
    pb.ENTITLEMENT_VERDICT_ALLOWED_BEYOND_LIMIT: "allowed, beyond the limit",
    pb.ENTITLEMENT_VERDICT_LIMIT_REACHED: "not allowed: less is left than asked for",
    pb.ENTITLEMENT_VERDICT_NO_FEATURE: "not allowed: the customer's plan does not have this feature",
    pb.ENTITLEMENT_VERDICT_NO_CONTRACT: "not allowed: the customer has no contract in force now",
}


@app.command("check")
def check(
    feature: FeatureArgument,
    customer: CustomerOption,
    quantity: Annotated[str, typer.Option(help="How much is to be used. Default: 1.")] = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell whether a customer may use a feature now. Exit code 3 if not."""
    request = pb.CheckEntitlementRequest(customer=customer, feature=feature, quantity=quantity)
    found = call_services(lambda client: client.rating.CheckEntitlement(request), context)
    _tell(found.allowed, found.verdict, found.entitlement if found.HasField("entitlement") else None, {}, output)


@app.command("list")
def list_entitlements(
    customer: CustomerOption, context: ContextOption = None, output: OutputOption = Output.TABLE
) -> None:
    """List what a customer's plan lets it do, and how each feature stands."""
    request = pb.ListEntitlementsRequest(customer=customer)
    found = call_services(lambda client: client.rating.ListEntitlements(request), context)
    if output is Output.TABLE:
        _table(found.entitlements)
        if not found.entitlements:
            say("the customer's plan has no features; add them to the plan under spec.features")
        return
    print_document({"entitlements": [_document(one) for one in found.entitlements]}, output)


@app.command("grant")
def grant(  # noqa: PLR0913, PLR0917 - options of a command
    feature: FeatureArgument,
    customer: CustomerOption,
    quantity: Annotated[str, typer.Option(help="Units of the feature's meter.")],
    first_day: Annotated[str, typer.Option("--from", help="First day. Default: today where the contract is.")] = "",
    until: Annotated[str, typer.Option(help="First day after it. Default: it does not expire.")] = "",
    priority: Annotated[int, typer.Option(min=0, max=100, help="Lower ones are used first.")] = 0,
    note: Annotated[str, typer.Option(help="Why, for people.")] = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Grant a customer more of a feature than the plan's limit."""
    request = pb.GrantEntitlementRequest(
        request_id=uuid7(),
        customer=customer,
        feature=feature,
        quantity=quantity,
        until=until,
        priority=priority,
        note=note,
        **{"from": first_day},
    )
    made = call_services(lambda client: client.rating.GrantEntitlement(request), context).grant
    if output is Output.TABLE:
        ends = f"before {made.until}" if made.until else "until it is used up"
        write(f"{customer} has {made.quantity} more of {feature} from {getattr(made, 'from')} on, {ends}")
    else:
        print_document({"grant": _plain(made)}, output)


@app.command("grants")
def list_grants(
    customer: CustomerOption,
    feature: Annotated[str, typer.Option(help="Only of this feature.")] = "",
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List what a customer was granted."""
    request = pb.ListGrantsRequest(customer=customer, feature=feature)
    found = call_services(lambda client: client.rating.ListGrants(request), context).grants
    if output is not Output.TABLE:
        print_document({"grants": [_plain(one) for one in found]}, output)
        return
    columns = ("id", "feature", ">quantity", "from", "until", ">priority", "note", "taken back")
    print_table(columns, [_grant_row(one) for one in found])


def _grant_row(one: pb.Grant) -> tuple[str, ...]:
    back = f"from {one.revoked_from} on: {one.revoked_reason}" if one.revoked_from else "-"
    ends = one.until or "-"
    return (one.id, one.feature, one.quantity, getattr(one, "from"), ends, str(one.priority), one.note, back)


@app.command("revoke")
def revoke_grant(
    grant_id: Annotated[str, typer.Argument(metavar="GRANT", help="Id of the grant, as `grants` lists it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.", show_default=False)],
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take a grant back from today on. What was drawn from it before stays."""
    request = pb.RevokeGrantRequest(grant=grant_id, reason=reason)
    revoked = call_services(lambda client: client.rating.RevokeGrant(request), context).grant
    if output is Output.TABLE:
        write(
            f"{revoked.customer} has no more of grant {revoked.id} of {revoked.feature} from {revoked.revoked_from} on"
        )
    else:
        print_document({"grant": _plain(revoked)}, output)


@app.command("reserve")
def reserve(  # noqa: PLR0913, PLR0917 - options of a command
    feature: FeatureArgument,
    customer: CustomerOption,
    quantity: Annotated[str, typer.Option(help="How much is to be used.")],
    reservation: Annotated[str, typer.Option("--id", help="Id of the reservation. Default: a new one.")] = "",
    ttl_s: Annotated[int, typer.Option("--ttl-s", min=1, max=86_400, help="Seconds until it holds nothing.")] = 60,
    partial: Annotated[bool, typer.Option("--partial", help="Take what is left if it is less.")] = False,  # noqa: FBT002
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Hold a quantity for a customer until it is used. Exit code 3 if less is left."""
    request = pb.ReserveUsageRequest(
        reservation=reservation or uuid7(),
        customer=customer,
        feature=feature,
        quantity=quantity,
        ttl_s=ttl_s,
        partial=partial,
    )
    found = call_services(lambda client: client.rating.ReserveUsage(request), context)
    held = {"reservation": _plain(found.reservation)} if found.HasField("reservation") else {}
    if output is Output.TABLE and held:
        write(f"{found.reservation.quantity} held as {found.reservation.id}")
    _tell(found.allowed, found.verdict, found.entitlement if found.HasField("entitlement") else None, held, output)


@app.command("settle")
def settle(
    reservation: ReservationArgument,
    quantity: Annotated[str, typer.Option(help="How much was used.")],
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell what was used of a reservation; its event is reported as any other."""
    request = pb.SettleReservationRequest(reservation=reservation, quantity=quantity)
    found = call_services(lambda client: client.rating.SettleReservation(request), context).reservation
    _ended(found, f"{reservation} is settled with {found.settled_quantity}", output)


@app.command("release")
def release(
    reservation: ReservationArgument, context: ContextOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Give back what a reservation holds."""
    request = pb.ReleaseReservationRequest(reservation=reservation)
    found = call_services(lambda client: client.rating.ReleaseReservation(request), context).reservation
    _ended(found, f"{reservation} is released", output)


def _ended(found: pb.Reservation, words: str, output: Output) -> None:
    if output is Output.TABLE:
        write(words)
    else:
        print_document({"reservation": _plain(found)}, output)


def _tell(
    allowed: bool,  # noqa: FBT001 - the verdict
    verdict: pb.EntitlementVerdict.ValueType,
    entitlement: pb.Entitlement | None,
    beside: dict[str, Any],
    output: Output,
) -> None:
    if output is Output.TABLE:
        write(_WORDS[verdict])
        if entitlement is not None:
            _table([entitlement])
    else:
        name = pb.EntitlementVerdict.Name(verdict).removeprefix("ENTITLEMENT_VERDICT_")
        stands = {} if entitlement is None else {"entitlement": _document(entitlement)}
        print_document({"allowed": allowed, "verdict": name, **beside, **stands}, output)
    if not allowed:
        raise typer.Exit(ExitCode.REFUSED)


def _table(entitlements: Iterable[pb.Entitlement]) -> None:
    print_table(_COLUMNS, [_row(one) for one in entitlements])


def _row(one: pb.Entitlement) -> tuple[str, ...]:
    if one.problem:
        return (one.feature, *["?"] * 6, "", "?", one.problem)
    ends = one.period.end.ToDatetime().isoformat(timespec="minutes") + "Z"
    if not one.meter:
        return (one.feature, one.value or "-", "-", "-", "-", "-", "-", "", ends, "")
    limit, remaining = one.limit or "none", one.remaining or "-"
    note = _SOFT if one.soft else ""
    return (one.feature, "-", limit, one.used, one.held, remaining, one.beyond, one.unit, ends, note)


def _document(one: pb.Entitlement) -> dict[str, Any]:
    document = _plain(one)
    if one.meter:
        document["asOf"] = as_of_document(one.as_of)
        document["stalenessMs"] = one.staleness_ms
    for source in document.get("sources", ()):
        source["kind"] = source["kind"].removeprefix("ALLOWANCE_KIND_")
    return document


def _plain(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = json_format.MessageToDict(message)
    if "state" in found:
        found["state"] = found["state"].removeprefix("RESERVATION_STATE_")
    return found
