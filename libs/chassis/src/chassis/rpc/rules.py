"""The rules that a server's guard holds its calls to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chassis.rpc.places import PlaceLimits
from chassis.rpc.rates import CallRates
from chassis.rpc.room import RoomLimits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from chassis.rpc.binding import Binding
    from chassis.rpc.method import Method


class Gate:
    """Whether calls are admitted: closed until the service can answer (its schema is current)."""

    def __init__(self, *, is_open: bool = False) -> None:
        """Start closed unless `is_open`."""
        self.is_open = is_open


@dataclass(frozen=True)
class CallRules:
    """The rules for the methods of a server, by full method name ("/package.Service/Method")."""

    methods: Mapping[str, Method]
    bindings: Mapping[str, Binding]
    places: PlaceLimits = field(default_factory=PlaceLimits)
    rates: CallRates = field(default_factory=CallRates)
    room: RoomLimits = field(default_factory=RoomLimits)
    request_wait_s: float = 20.0
    gate: Gate = field(default_factory=lambda: Gate(is_open=True))
    refusals: Callable[[str], Awaitable[None]] | None = None
    """Records in the audit trail what came of the call in work, by its reason."""
    internal_names: frozenset[str] | None = None
    """Names, one of which the certificate of a service of the suite must hold; None = no TLS, nothing is demanded."""
