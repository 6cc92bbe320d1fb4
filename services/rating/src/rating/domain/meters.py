"""What is known of meters beside what they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class KnownMeter:
    """A meter that there is; `is_whole`: whether it counts in whole numbers.

    `computed_from` are the meters that its formula reads; none where it counts events itself.
    """

    unit: str
    is_whole: bool = False
    computed_from: tuple[str, ...] = ()


def with_components(names: Iterable[str], known: Mapping[str, KnownMeter]) -> frozenset[str]:
    """Return names of meters with those of the meters that they are computed from."""
    own = frozenset(names)
    return own.union(*(known[name].computed_from for name in own if name in known))
