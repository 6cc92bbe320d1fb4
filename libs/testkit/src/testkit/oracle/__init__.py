"""An independent oracle: the invoices of the demo, computed without any code of Meterline.

Usage comes from SQL over the CSV (DuckDB, text cast to exact types, months by the file's own New York dates instead of
instants and zones); prices are applied in `fractions.Fraction` from the published rules alone. The results of the
oracle and of the suite must be equal to the last digit.
"""

from __future__ import annotations

from testkit.oracle.invoices import Oracle, comparable

__all__ = ["Oracle", "comparable"]
