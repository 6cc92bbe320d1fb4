"""The exact expressions of Meterline: read, checked, and evaluated for one event or for columns of them; pure.

`expressions.columns` evaluates whole columns and needs numpy; nothing else here does.
"""

from __future__ import annotations

from expressions.checking import check
from expressions.errors import ExpressionError, Position
from expressions.evaluation import Row, compile_
from expressions.functions.texts import text_of_value
from expressions.parsing import parse
from expressions.patterns import matches_whole, pattern_fault
from expressions.printing import text_of
from expressions.sizes import Size, may_be_absent, size_of
from expressions.tree import Call, Expression, Literal, Name, Property, Value
from expressions.types import Environment, Type

__all__ = [
    "Call",
    "Environment",
    "Expression",
    "ExpressionError",
    "Literal",
    "Name",
    "Position",
    "Property",
    "Row",
    "Size",
    "Type",
    "Value",
    "check",
    "compile_",
    "matches_whole",
    "may_be_absent",
    "parse",
    "pattern_fault",
    "size_of",
    "text_of",
    "text_of_value",
]
