"""Price models as messages: read and written by their fields; none is known by name here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from chassis.errors import Reason
from chassis.errors.refused import Refused, inside
from rating.domain.pricing import MODELS
from rating.domain.pricing.fields import Plain, fields_of, from_plain, to_plain
from rating.wire.values import signed_decimal_in

if TYPE_CHECKING:
    from metering.rating.v1 import catalog_pb2
    from rating.domain.pricing.model import PriceModel


def model_from_proto(
    kind: str,
    owner: catalog_pb2.PlanItem
    | catalog_pb2.ContractOverride
    | catalog_pb2.ItemCost
    | catalog_pb2.UsagePrice
    | catalog_pb2.MatrixRow
    | catalog_pb2.SeatsPrice,
) -> PriceModel:
    """Return the model of a kind that a message has. Raises Refused."""
    model = next(model for model in MODELS if kind == model.KIND)
    with inside(kind):
        return from_plain(model, _plain(getattr(owner, kind), model), signed_decimal_in)


def usage_model_from_proto(owner: catalog_pb2.UsagePrice | catalog_pb2.MatrixRow) -> PriceModel:
    """Return how usage is priced. Raises Refused where it is not said."""
    kind = owner.WhichOneof("model")
    if kind is None:
        # As catalog files have them.
        kinds = ", ".join(
            re.sub(r"_(\w)", lambda found: found[1].upper(), model.KIND) for model in MODELS if model.LOOKS_AT_USAGE
        )
        raise Refused("model", Reason.FIELD_REQUIRED, f"say how usage is priced, by one of: {kinds}")
    return model_from_proto(kind, owner)


def model_to_proto(model: PriceModel) -> dict[str, Any]:
    """Return the field of a message that has a model, with its content."""
    return {model.KIND: to_plain(model)}


def _plain(message: Any, kind: type) -> Plain:
    plain: Plain = {}
    for field in fields_of(kind):
        content = getattr(message, field.name)
        plain[field.name] = content if field.record is None else [_plain(entry, field.record) for entry in content]
    return plain
