"""Why a process refuses to start. A module of its own, so that a client can import it without pydantic."""

from __future__ import annotations


class SettingsError(Exception):
    """The environment does not describe a service that can run; the message is one line for the operator."""
