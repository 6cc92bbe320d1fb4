"""What is known of meters beside what they count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownMeter:
    """A meter that there is; `is_whole`: whether it counts in whole numbers."""

    unit: str
    is_whole: bool = False
