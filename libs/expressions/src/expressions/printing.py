"""Tree to text: what is printed reads as the same tree again."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from expressions.parsing import COMPARISON, JOINED, LEVELS, MINUS, NOT
from expressions.tree import Call, Literal, Name, Property
from money import format_decimal

if TYPE_CHECKING:
    from expressions.tree import Expression, Node

_PRIMARY: Final = MINUS + 1
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def text_of(expression: Expression) -> str:
    """Write an expression in one line, with the parentheses that it needs."""
    return _text(expression.root)


def _text(node: Node) -> str:
    match node:
        case Name(name):
            return name
        case Property(key):
            return f"properties.{key}" if _PLAIN_KEY.fullmatch(key) else "properties[" + _quoted(key, '"') + "]"
        case Literal():
            return _literal(node)
        case Call():
            return _call(node.function, node.arguments)


def _literal(node: Literal) -> str:
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    return format_decimal(node.value) if isinstance(node.value, Decimal) else _quoted(node.value, "'")


def _quoted(text: str, quote: str) -> str:
    return quote + text.replace(quote, quote * 2) + quote


def _call(function: str, arguments: tuple[Node, ...]) -> str:
    first = arguments[0] if arguments else None
    if function == "case":
        text = _case(arguments)
    elif function == "negative" and first is not None:
        # "-5" would be the literal.
        is_number = isinstance(first, Literal) and isinstance(first.value, Decimal)
        text = f"-({_text(first)})" if is_number else f"-{_operand(first, MINUS)}"
    elif function == "not" and first is not None:
        text = f"not {_operand(first, NOT)}"
    elif function == "in" and first is not None:
        text = f"{_operand(first, COMPARISON + 1)} in ({', '.join(map(_text, arguments[1:]))})"
    elif function in LEVELS:
        text = _operation(function, arguments)
    else:
        text = f"{function}({', '.join(map(_text, arguments))})"
    return text


def _case(arguments: tuple[Node, ...]) -> str:
    pairs = zip(arguments[::2], arguments[1::2], strict=False)
    branches = [f"when {_text(condition)} then {_text(value)}" for condition, value in pairs]
    otherwise = [f"else {_text(arguments[-1])}"] if len(arguments) % 2 else []
    return " ".join(["case", *branches, *otherwise, "end"])


def _operation(operator: str, arguments: tuple[Node, ...]) -> str:
    level = LEVELS[operator]
    first, *others = arguments
    # a - b + c is (a - b) + c; a joined operator within itself, or a comparison of one, is not what is read without.
    left = _operand(first, level if operator not in JOINED and level != COMPARISON else level + 1)
    return f" {operator} ".join([left, *(_operand(part, level + 1) for part in others)])


def _operand(node: Node, level: int) -> str:
    return f"({_text(node)})" if _level(node) < level else _text(node)


def _level(node: Node) -> int:
    if not isinstance(node, Call):
        return _PRIMARY
    return MINUS if node.function == "negative" else LEVELS.get(node.function, _PRIMARY)
