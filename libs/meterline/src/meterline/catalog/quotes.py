"""Quote files: one YAML document that says what is priced, when, and how much is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from eventlog.rfc3339 import instant_of_text
from metering.rating.v1 import rating_service_pb2 as pb
from meterline.catalog.files import Entry, name_of, telling_what_is_wrong, text_of
from meterline.catalog.kinds import Kind
from meterline.catalog.messages import SpecReader
from meterline.errors import InputError
from meterline.yaml_text import StrictLoader

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message


class _QuoteKind(Kind):
    """A quote is no entry of a catalog, but is written, and refused, as one."""

    @property
    def request(self) -> type[Message]:
        """Message that asks."""
        return pb.QuotePlanRequest

    @property
    def spec(self) -> Descriptor:
        """What the file is."""
        return pb.QuotePlanRequest.DESCRIPTOR


_KIND: Final = _QuoteKind("Quote", "rating", is_named=False)


def read_quote(file: Path) -> Entry:
    """Read what is to be quoted: its `request` is a QuotePlanRequest. Raises InputError."""
    name = name_of(file)
    with telling_what_is_wrong(name):
        document = StrictLoader(text_of(file)).get_single_data()
    if document is None:
        raise InputError(f"{name} is empty; write plan and usage, as `meterline price quote --help` shows")
    reader, request = SpecReader(name, "quote", root=""), pb.QuotePlanRequest()
    reader.read(_KIND.spec, request, document, 1)
    if request.WhichOneof("priced") is None:
        raise InputError(f"{name}: say what is priced, as plan: the name of one, or {{currency: …, items: …}}")
    entry = Entry(_KIND, "", request, reader)
    for field in ("start", "end"):
        if "T" in getattr(request.period, field):
            setattr(request.period, field, _day(entry, field))
    return entry


def _day(entry: Entry, field: str) -> str:
    """Return the day that begins at an instant, in the zone of the quote."""
    period, zone = entry.request.period, entry.request.time_zone or "UTC"
    text = getattr(period, field)
    try:
        local = instant_of_text(text).astimezone(ZoneInfo(zone))
    except (ValueError, LookupError, OSError) as error:
        raise InputError(f"{entry.place(f'spec.period.{field}')}: {text!r} isn't a day: it {error}") from None
    if local.timetz().replace(tzinfo=None).isoformat() != "00:00:00":
        where = entry.place(f"spec.period.{field}")
        raise InputError(f"{where}: {text!r} isn't midnight in {zone}; write a day, such as {local.date()}")
    return local.date().isoformat()
