"""Errors that are the user's to fix; each text says where the mistake is and what to write instead."""

from __future__ import annotations


class InputError(Exception):
    """A file or an argument that can't be used."""


class TokenError(InputError):
    """The token or key asked for can't be made or read."""
