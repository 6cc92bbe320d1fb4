"""Features: what a plan lets its customers do, beside what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO

EXPIRES_AFTER_MAX: Final = 12
"""Most later periods into which anything is carried over."""


@dataclass(frozen=True, slots=True)
class Rollover:
    """At most `most` units that are left of a period go on, into so many later periods."""

    most: Decimal
    expires_after: int

    def __post_init__(self) -> None:
        """Refuse what carries nothing over, or for too long."""
        if self.most <= ZERO:
            raise _invalid("most", "must be above zero; leave the rollover out where nothing is carried over")
        if not 1 <= self.expires_after <= EXPIRES_AFTER_MAX:
            raise _invalid("expires_after", f"must be 1 to {EXPIRES_AFTER_MAX} periods")


@dataclass(frozen=True, slots=True)
class Feature:
    """Something to have or not, with a fixed `value`, or usage of a `meter` up to a `limit` in each period.

    `limit` None: without limit. `is_soft`: what is beyond the limit is let through.
    """

    name: str
    value: str = ""
    meter: str = ""
    limit: Decimal | None = None
    is_soft: bool = False
    rollover: Rollover | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if not self.name:
            raise Refused("name", Reason.FIELD_REQUIRED, "name the feature; programs ask for it by its name")
        if self.value and self.meter:
            raise _invalid("value", "stands beside a meter; a feature has a fixed value, or counts usage")
        if self.limit is not None and not self.meter:
            raise _invalid("limit", "needs the meter whose quantity it limits; name the meter")
        for field, is_given in (("soft", self.is_soft), ("rollover", self.rollover is not None)):
            if is_given and self.limit is None:
                raise _invalid(field, "says something about the limit; write the limit, or leave this out")


def check_features(features: tuple[Feature, ...]) -> None:
    """Refuse two features of one name."""
    names: set[str] = set()
    for position, feature in enumerate(features):
        if feature.name in names:
            message = f"the name {feature.name!r} stands twice; programs ask for a feature by its name"
            raise Refused(f"features[{position}].name", Reason.PLAN_INVALID, message)
        names.add(feature.name)


def _invalid(field: str, message: str) -> Refused:
    return Refused(field, Reason.ENTITLEMENT_INVALID, message)
