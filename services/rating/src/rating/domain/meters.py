"""What is known of meters beside what they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class KnownMeter:
    """A meter that there is; `is_whole`: whether it counts in whole numbers.

    `group_by` has the properties by which it can be told apart, None where they are not known; `adds_up`: whether its
    groups add up to the whole. `computed_from` are the meters that its formula reads, if there is one.
    """

    unit: str
    is_whole: bool = False
    group_by: frozenset[str] | None = None
    adds_up: bool = True
    computed_from: tuple[str, ...] = ()
    bands: frozenset[str] | None = None
    """The bounds above zero by which values of events are told apart; None: they are not, or it is not known."""


def with_components(names: Iterable[str], known: Mapping[str, KnownMeter]) -> frozenset[str]:
    """Return names of meters with those of the meters that they are computed from."""
    own = frozenset(names)
    return own.union(*(known[name].computed_from for name in own if name in known))
