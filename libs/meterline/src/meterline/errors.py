"""Errors that are the user's to fix; each text says where the mistake is and what to write instead."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(Exception):
    """A file or an argument that can't be used."""


class InputErrors(InputError):
    """Several mistakes of one input, each with its own text."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Keep the texts, of which there is at least one."""
        super().__init__("; ".join(texts))
        self.texts = tuple(texts)


class TokenError(InputError):
    """The token or key asked for can't be made or read."""
