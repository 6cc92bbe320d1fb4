"""How a version of a plan takes effect, as the fields of it."""

from __future__ import annotations

from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.rfc3339 import instant_of_text, text_of_instant
from metering.rating.v1 import catalog_pb2
from rating.domain.taking_effect import TakingEffect

_NEVER: Final = "never"


def effect_from_proto(spec: catalog_pb2.PlanSpec) -> TakingEffect:
    """Return how a version takes effect. Raises Refused."""
    at_once, existing = spec.takes_effect == catalog_pb2.TAKES_EFFECT_AT_ONCE, spec.effective_for_existing
    if existing in {"", _NEVER}:
        return TakingEffect(at_once=at_once, never=bool(existing))
    try:
        return TakingEffect(at_once=at_once, existing_from=instant_of_text(existing))
    except ValueError as error:
        message = f"must be {_NEVER!r} or a time: {error}"
        raise Refused("effective_for_existing", Reason.TIME_INVALID, message) from error


def takes_effect_to_proto(effect: TakingEffect) -> catalog_pb2.TakesEffect.ValueType:
    """Return whether it waits for a period: left out where it does."""
    return catalog_pb2.TAKES_EFFECT_AT_ONCE if effect.at_once else catalog_pb2.TAKES_EFFECT_UNSPECIFIED


def existing_said(effect: TakingEffect) -> str:
    """Return from when it rules contracts that are there already, as it was written."""
    if effect.existing_from is not None:
        return text_of_instant(effect.existing_from)
    return _NEVER if effect.never else ""
