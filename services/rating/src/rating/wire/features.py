"""Features of plans as messages."""

from __future__ import annotations

from chassis.errors.refused import inside
from chassis.text import check_name
from metering.rating.v1 import catalog_pb2
from money import format_decimal
from rating.domain.features import Feature, Rollover
from rating.wire.values import decimal_in


def feature_from_proto(message: catalog_pb2.Feature) -> Feature:
    """Return a feature. Raises Refused."""
    for field in ("name", "value", "meter"):
        check_name(field, getattr(message, field))
    rollover = None
    if message.HasField("rollover"):
        with inside("rollover"):
            rollover = Rollover(decimal_in("most", message.rollover.most), message.rollover.expires_after)
    limit = decimal_in("limit", message.limit) if message.limit else None
    return Feature(message.name, message.value, message.meter, limit, message.soft, rollover)


def feature_to_proto(feature: Feature) -> catalog_pb2.Feature:
    """Return the message of a feature."""
    message = catalog_pb2.Feature(
        name=feature.name,
        value=feature.value,
        meter=feature.meter,
        limit="" if feature.limit is None else format_decimal(feature.limit),
        soft=feature.is_soft,
    )
    if feature.rollover is not None:
        message.rollover.most = format_decimal(feature.rollover.most)
        message.rollover.expires_after = feature.rollover.expires_after
    return message
