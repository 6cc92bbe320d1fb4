"""Bugs that other billing systems had, as switches: each puts one into the running code, and a law must catch it."""

from __future__ import annotations

from testkit.bugs.catalog import BUGS
from testkit.bugs.switch import Bug, caught_by, switched_on

__all__ = ["BUGS", "Bug", "caught_by", "switched_on"]
