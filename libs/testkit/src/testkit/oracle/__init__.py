"""An oracle by another route: the invoices of the demo, computed without a line of Meterline.

Usage comes from SQL over the CSV (DuckDB, text cast to exact types, months by the file's own New York dates instead of
instants and zones); prices are applied in `fractions.Fraction` from the published rules alone. What it says and what
the suite says must be equal to the last digit.
"""

from __future__ import annotations

from testkit.oracle.invoices import Oracle, comparable

__all__ = ["Oracle", "comparable"]
