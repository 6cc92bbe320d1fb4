"""Calls for somebody of the seller: with the caller's own token, which is kept for the request alone."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

_token: ContextVar[str] = ContextVar("meterline_operator_token", default="")


def pass_on(token: str) -> None:
    """Send `token` with the calls of this task that are made for the seller."""
    _token.set(token)


class OperatorToken:
    """The token of the request in work, as the source of a channel's token."""

    def token(self) -> str:
        """Return the caller's token. Raises LookupError where nobody of the seller asks: that is a defect."""
        found = _token.get()
        if not found:
            message = "no operator: this code runs outside a request of the seller's pages"
            raise LookupError(message)
        return found


OPERATOR_TOKEN: Final = OperatorToken()
