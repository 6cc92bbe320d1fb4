"""Values of every neighbor: how fresh an answer is, spans of time, decimals."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from eventlog.wire import as_of_from_answer, instant_from_proto
from money import format_exact, parse_exact
from portal.domain.views import Freshness, Span

if TYPE_CHECKING:
    from metering.common.v1 import values_pb2

_AS_OF_CHARS: Final = 16


def freshness_from_proto(message: values_pb2.AsOf) -> Freshness:
    """Return how fresh an answer is. The place in the log becomes a short text: equal texts mean equal places."""
    as_of = as_of_from_answer(message)
    if as_of.is_empty:
        return Freshness(complete_until=as_of.complete_until)
    document = json.dumps(as_of.document(), sort_keys=True).encode()
    place = hashlib.sha256(document).hexdigest()[:_AS_OF_CHARS]
    return Freshness(as_of=place, complete_until=as_of.complete_until)


def span_from_proto(message: values_pb2.Period) -> Span:
    """Return a span of time."""
    return Span(start=instant_from_proto(message.start), end=instant_from_proto(message.end))


def optional_decimal(text: str) -> Decimal | None:
    """Return a decimal, or None for the empty text."""
    return Decimal(text) if text else None


def exact_text(text: str) -> str:
    """Return an exact amount as it is shown: a decimal without zeros at its end, or a fraction."""
    return format_exact(parse_exact(text))
