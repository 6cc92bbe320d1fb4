"""Why a process refuses to start; apart from `chassis.settings`, so that a client needs no pydantic to name it."""

from __future__ import annotations


class SettingsError(Exception):
    """The environment does not describe a service that can run; the text is one line for the operator."""
