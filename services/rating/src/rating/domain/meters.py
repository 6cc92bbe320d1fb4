"""What is known of meters beside what they count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownMeter:
    """A meter that there is; `is_whole`: whether it counts in whole numbers.

    `group_by` has the properties by which it can be told apart, None where they are not known; `adds_up`: whether its
    groups add up to the whole.
    """

    unit: str
    is_whole: bool = False
    group_by: frozenset[str] | None = None
    adds_up: bool = True
