"""A line in the log for callers whose token is refused; of many, a few lines and how many were left out.

Who sends bad tokens can send very many of them, and must not fill the disk by it: each reason has a few lines a minute.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from chassis.logs import get_logger
from chassis.rpc.identifying import token_in

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc.aio

    from chassis.auth import TokenVerifier
    from chassis.errors import MeterlineError, Reason
    from chassis.rpc.call import Call

LINES_MAX: Final = 10
"""Most lines of one reason in `WINDOW_S`."""
WINDOW_S: Final = 60.0
_log = get_logger(__name__)


@dataclass(slots=True)
class _Window:
    begins_at_s: float
    lines: int = 0
    left_out: int = 0
    """Refusals without a line, since the last line."""


class RefusedCallers:
    """Logs refusals: the reason, the peer, the key if it is one of ours, and the token's id if that key signed it."""

    def __init__(self, verifier: TokenVerifier, now_s: Callable[[], float] = time.monotonic) -> None:
        """Ask `verifier` what may be said of a token."""
        self._verifier = verifier
        self._now_s = now_s
        self._windows: dict[Reason, _Window] = {}

    def note(self, call: Call, context: grpc.aio.ServicerContext[Any, Any], error: MeterlineError) -> None:
        """Log one refusal, or count it."""
        window = self._window(error.reason)
        if window.lines >= LINES_MAX:
            window.left_out += 1
            return
        _log.warning(
            "caller refused",
            rpc=call.method[1:],
            reason=error.reason.value,
            why=error.message,
            peer=context.peer(),
            left_out_before=window.left_out,
            **self._verifier.signs_of(token_in(call.metadata)),
        )
        window.lines, window.left_out = window.lines + 1, 0

    def _window(self, reason: Reason) -> _Window:
        now_s = self._now_s()
        window = self._windows.setdefault(reason, _Window(now_s))
        if now_s >= window.begins_at_s + WINDOW_S:
            window.begins_at_s, window.lines = now_s, 0
        return window
