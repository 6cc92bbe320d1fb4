"""`meterline portal …`: links to a customer's pages, the sessions that are open, and how the pages look."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
import yaml
from google.protobuf import json_format

from metering.portal.v1 import portal_service_pb2 as pb
from metering.portal.v1 import profile_pb2, session_pb2
from meterline.catalog.messages import enum_words
from meterline.cli.calls import call_services, pages
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, write
from meterline.errors import InputError
from meterline.suite import context as contexts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meterline.client import AsyncClient

app = plain_app("The customers' portal: links, sessions, and how its pages look.")
_COLUMNS: Final = ("id", "kind", "customer", "created", "ends", "by", "reason")
_KIND: Final = "SESSION_KIND_"


@app.command("link")
def link(
    customer: Annotated[str, typer.Option(help="The customer whose pages it opens.")],
    reason: Annotated[
        str, typer.Option("--as-operator", help="Look at what the customer sees, for this reason; it is recorded.")
    ] = "",
    minutes: Annotated[int, typer.Option(min=1, max=60, help="How long it can be opened.")] = 10,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Print a link that opens a customer's pages in a browser, once."""
    kind = session_pb2.SESSION_KIND_OPERATOR if reason else session_pb2.SESSION_KIND_LINK
    request = pb.CreateSessionRequest(customer=customer, kind=kind, reason=reason)
    request.ttl.seconds = minutes * 60

    async def ask(client: AsyncClient) -> pb.CreateSessionResponse:
        made: pb.CreateSessionResponse = await client.stub("portal").CreateSession(request)
        return made

    made = call_services(ask, context)
    if output is Output.TABLE:
        write(made.url)
    else:
        print_document({"url": made.url, "session": _session(made.session)}, output)


@app.command("seller")
def seller(context: ContextOption = None, output: OutputOption = Output.TABLE) -> None:
    """Print a link that opens the seller's own pages: customers, revenue, catalog, branding.

    The token of the context stands behind the #, which browsers send to nobody; whoever has the link can use it.
    """
    found = contexts.load(context)
    address = found.urls.get("portal", "")
    if not address:
        raise InputError('the context names no address of the portal; add it to the context as urls: {"portal": ...}')
    url = f"{address}/seller#{found.token}"
    if output is Output.TABLE:
        write(url)
    else:
        print_document({"url": url}, output)


@app.command("sessions")
def sessions(
    customer: Annotated[str, typer.Option(help="Only those of this customer. Default: all.")] = "",
    ended: Annotated[  # noqa: FBT002 - an option of a command
        bool, typer.Option("--ended", help="Also those that ended in the last 30 days.")
    ] = False,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the sessions that are open, the newest first."""
    request = pb.ListSessionsRequest(customer=customer, ended=ended)

    async def ask(client: AsyncClient) -> list[dict[str, Any]]:
        found = [page async for page in pages(client.stub("portal").ListSessions, request)]
        return [_session(session) for page in found for session in page.sessions]

    listed = call_services(ask, context)
    if output is Output.TABLE:
        print_table(_COLUMNS, [_row(session) for session in listed])
    else:
        print_document({"sessions": listed}, output)


@app.command("revoke")
def revoke(
    session_id: Annotated[str, typer.Argument(metavar="ID", help="The session's id; `portal sessions` lists them.")],
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """End a session at once."""

    async def ask(client: AsyncClient) -> pb.RevokeSessionResponse:
        request = pb.RevokeSessionRequest(session_id=session_id)
        ended: pb.RevokeSessionResponse = await client.stub("portal").RevokeSession(request)
        return ended

    ended = call_services(ask, context)
    if output is Output.TABLE:
        write(f"{session_id} is revoked")
    else:
        print_document({"session": _session(ended.session)}, output)


@app.command("brand")
def brand(
    file: Annotated[
        Path | None, typer.Argument(help="YAML or JSON file with the profile. Default: show the one in force.")
    ] = None,
    logo: Annotated[Path | None, typer.Option(help="PNG file with the logo.")] = None,
    check: Annotated[  # noqa: FBT002 - an option of a command
        bool, typer.Option("--check", help="Check the file, and change nothing.")
    ] = False,
    context: ContextOption = None,
    output: OutputOption = Output.YAML,
) -> None:
    """Show how the portal looks, or set it by a file. A colour that can't be read is refused."""
    spec = None if file is None else _spec(file, logo)

    async def ask(client: AsyncClient) -> profile_pb2.Profile:
        stub = client.stub("portal")
        if spec is None:
            found: pb.GetProfileResponse = await stub.GetProfile(pb.GetProfileRequest())
            return found.profile
        applied: pb.ApplyProfileResponse = await stub.ApplyProfile(
            pb.ApplyProfileRequest(spec=spec, validate_only=check)
        )
        return applied.profile

    profile = json_format.MessageToDict(call_services(ask, context))
    # The logo is a file of its own.
    profile.get("spec", {}).pop("logoPng", None)
    print_document({**profile, "spec": _in_words(profile.get("spec", {}))}, output)


def _spec(file: Path, logo: Path | None) -> profile_pb2.ProfileSpec:
    """Read a profile. Raises InputError."""
    try:
        document = yaml.safe_load(file.read_text("utf-8"))
        if logo is not None:
            document = {**document, "logoPng": base64.b64encode(logo.read_bytes()).decode()}
        return json_format.ParseDict(_in_names(document, file), profile_pb2.ProfileSpec())
    except OSError as error:
        raise InputError(f"{error.filename} can't be read: {error.strerror}") from None
    except (json_format.ParseError, yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise InputError(f"{file} is no profile: {error}") from None


def _in_names(document: Any, file: Path) -> Any:
    """Return a profile with the contract's names for what people write in words, such as DAY. Raises InputError."""

    def name_of(key: str, words: Mapping[str, str], value: Any) -> Any:
        if value in words or value in words.values():
            return words.get(value, value)
        raise InputError(f"{file} is no profile: {key} {value!r} isn't known; write one of {', '.join(words)}")

    return _changed(document, name_of)


def _in_words(document: dict[str, Any]) -> Any:
    """Return a profile with words for people in the place of the contract's names."""

    def word_of(_key: str, words: Mapping[str, str], value: Any) -> Any:
        return next((word for word, name in words.items() if name == value), value)

    return _changed(document, word_of)


def _changed(document: Any, change: Callable[[str, Mapping[str, str], Any], Any]) -> Any:
    """Return a profile with its choices changed by their key, their words and what is written."""
    if not isinstance(document, dict):
        return document
    changed = dict(document)
    for field in profile_pb2.ProfileSpec.DESCRIPTOR.fields:
        if field.enum_type is None or field.json_name not in document:
            continue
        words, value = enum_words(field.enum_type), document[field.json_name]
        if isinstance(value, list):
            changed[field.json_name] = [change(field.json_name, words, one) for one in value]
        else:
            changed[field.json_name] = change(field.json_name, words, value)
    return changed


def _session(session: session_pb2.Session) -> dict[str, Any]:
    document: dict[str, Any] = json_format.MessageToDict(session)
    return {**document, "kind": session_pb2.SessionKind.Name(session.kind).removeprefix(_KIND).lower()}


def _row(session: dict[str, Any]) -> tuple[str, ...]:
    return (
        session["id"],
        session["kind"],
        session["customer"],
        session["createdAt"],
        session["endsAt"],
        session["createdBy"],
        session.get("reason", ""),
    )
