"""How views are sent: as JSON with an ETag, so that what has not changed is not sent again; or as CSV."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter

from portal.domain.views import Answer, View

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COMPLETE_UNTIL_HEADER: Final = "x-meterline-complete-until"
"""Moves on while nothing else changes: so it stands beside the ETag, and in the answer 304 as well."""
_ETAG_CHARS: Final = 32
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def sent(request: Request, view: View | Sequence[View]) -> Response:
    """Return the answer for a view: 304 without it if the browser has it as it is."""
    document = _document(view)
    headers = {"cache-control": "private, no-cache", "vary": "authorization, cookie, origin"}
    if isinstance(view, Answer):
        until = document.pop("completeUntil")
        if until is not None:
            headers[COMPLETE_UNTIL_HEADER] = until
        headers["etag"] = _etag(document)
        document["completeUntil"] = until
    else:
        headers["etag"] = _etag(document)
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return JSONResponse(document, headers=headers)


def csv_of(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Response:
    """Return a table as a file. A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_harmless(cell) for cell in header])
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return file_of(f"{name}.csv", text.getvalue().encode(), "text/csv; charset=utf-8")


def file_of(name: str, content: bytes, media_type: str) -> Response:
    """Return content as a file of that name."""
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(content, media_type=media_type, headers=headers)


def _harmless(cell: str) -> str:
    if not cell.startswith(_FORMULAS) or _is_number(cell):
        return cell
    return f"'{cell}"


def _is_number(cell: str) -> bool:
    """Whether a cell is a decimal of ours: an amount below zero is no formula."""
    whole, _, fraction = cell.removeprefix("-").partition(".")
    return whole.isascii() and whole.isdecimal() and (not fraction or (fraction.isascii() and fraction.isdecimal()))


def _document(view: View | Sequence[View]) -> Any:
    if isinstance(view, View):
        return view.model_dump(mode="json", by_alias=True)
    return _LISTS.dump_python(list(view), mode="json", by_alias=True)


_LISTS: Final = TypeAdapter(list[Any])


def _etag(document: object) -> str:
    digest = hashlib.sha256(JSONResponse(document).body).hexdigest()
    return f'"{digest[:_ETAG_CHARS]}"'
