"""What happens around every call: on the server in one guard, on the client in one interceptor per kind of call."""

from __future__ import annotations

from chassis.interceptors.client import client_interceptors
from chassis.interceptors.server import CallGuard, CallRules, Gate

__all__ = ["CallGuard", "CallRules", "Gate", "client_interceptors"]
