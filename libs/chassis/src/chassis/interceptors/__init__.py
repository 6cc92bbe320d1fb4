"""What happens around every call: on the server in one interceptor, on the client in one per kind of call."""

from __future__ import annotations

from chassis.interceptors.client import client_interceptors
from chassis.interceptors.server import CallInterceptor, CallRules, Gate

__all__ = ["CallInterceptor", "CallRules", "Gate", "client_interceptors"]
