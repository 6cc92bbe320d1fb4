"""The types of an expression, found before anything is computed."""

from __future__ import annotations

from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from expressions.errors import ExpressionError
from expressions.functions import FUNCTIONS
from expressions.limits import DEPTH_MAX, PARTS_MAX
from expressions.parsing import LEVELS
from expressions.tree import Call, Name, Property
from expressions.types import Type

if TYPE_CHECKING:
    from expressions.tree import Expression, Node
    from expressions.types import Environment

_OPERATORS: Final = frozenset({*LEVELS, "negative", "case"})
_CALLED: Final = sorted(FUNCTIONS.keys() - _OPERATORS)


def check(expression: Expression, environment: Environment) -> Type:
    """Return the type of an expression over what an environment declares.

    Raises ExpressionError for a name or function that is not known, for types that don't fit, and for what is too big.
    """
    root = expression.root
    if root.size > PARTS_MAX or root.depth > DEPTH_MAX:
        message = f"the expression has more than {PARTS_MAX} parts or {DEPTH_MAX} levels; make it smaller"
        raise ExpressionError(message, root.at)
    return _type(root, environment)


def _type(node: Node, environment: Environment) -> Type:
    if isinstance(node, Call):
        function = FUNCTIONS.get(node.function)
        if function is None:
            raise ExpressionError(f"there is no function {node.function}; {_meant(node.function, _CALLED)}", node.at)
        return function.check(node, [_type(argument, environment) for argument in node.arguments])
    if isinstance(node, Name):
        type_ = environment.names.get(node.value)
        if type_ is None:
            raise ExpressionError(_unknown(node.value, environment), node.at)
        return type_
    if isinstance(node, Property):
        if not environment.has_properties:
            raise ExpressionError("there are no properties here; use a name", node.at)
        return Type.TEXT
    if isinstance(node.value, bool):
        return Type.BOOL
    return Type.DECIMAL if isinstance(node.value, Decimal) else Type.TEXT


def _unknown(name: str, environment: Environment) -> str:
    remedy = _meant(name, sorted(environment.names))
    if environment.has_properties:
        remedy += f"; a property is written properties.{name}"
    return f"there is nothing called {name}; {remedy}; a text is written in quotes"


def _meant(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
