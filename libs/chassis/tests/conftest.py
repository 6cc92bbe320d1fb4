"""The libraries' database, for the tests of the chassis."""

from __future__ import annotations

from testkit.library_database import database, engine, one_database

__all__ = ["database", "engine", "one_database"]
