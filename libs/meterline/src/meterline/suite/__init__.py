"""The whole suite on one machine: embedded Postgres, the four services as processes, and their supervisor."""

from __future__ import annotations
