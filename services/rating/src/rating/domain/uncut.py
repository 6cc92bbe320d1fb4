"""What can't be told of a period that a plan change cut into segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rating.domain.ruling import RatedSegment


def check_uncut(label: str, segments: Sequence[RatedSegment]) -> None:
    """Refuse a period that has more than one plan, where each item must have one price over all of it."""
    if segments:
        first, second = segments[0].plan, segments[1].plan
        message = (
            f"{label} is priced in {len(segments)} segments, since plan {first!r} gave way to {second!r} inside it, "
            "and items have no one price over all of it; look at its charges, or take another period"
        )
        raise Refused("billing_period", Reason.PERIOD_INVALID, message)
