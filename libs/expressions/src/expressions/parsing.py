"""Text to tree, by precedence climbing; the grammar is in the README."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from expressions.errors import ExpressionError, Position
from expressions.limits import DEPTH_MAX, PARTS_MAX
from expressions.tokens import Kind, Token, tokens_of
from expressions.tree import Call, Expression, Literal, Name, Property
from money import InvalidDecimalError, parse_decimal

if TYPE_CHECKING:
    from expressions.tree import Node

OR: Final = 1
AND: Final = 2
NOT: Final = 3
COMPARISON: Final = 4
SUM: Final = 5
PRODUCT: Final = 6
MINUS: Final = 7
LEVELS: Final = {
    "or": OR,
    "and": AND,
    "not": NOT,
    **dict.fromkeys(("=", "!=", "<", "<=", ">", ">=", "in", "matches"), COMPARISON),
    "+": SUM,
    "-": SUM,
    "*": PRODUCT,
}
"""How strongly operators bind; functions, literals and names bind most strongly."""
JOINED: Final = frozenset({"or", "and"})
"""Operators that take any number of operands: `a or b or c` is one call."""
WORDS: Final = frozenset(
    {"and", "or", "not", "in", "matches", "case", "when", "then", "else", "end", "true", "false", "properties"}
)
"""Words that are no names."""
# Each level of a tree takes at most two of these when it is printed with all its parentheses.
_NESTING_MAX: Final = 3 * DEPTH_MAX


def parse(source: str) -> Expression:
    """Read an expression. Raises ExpressionError with the line and column of what is wrong, and nothing else."""
    parser = _Parser(source)
    root = parser.operators(OR)
    parser.end()
    return Expression(root)


class _Parser:
    def __init__(self, source: str) -> None:
        self._tokens = tokens_of(source)
        self._token = next(self._tokens)
        self._nesting = 0

    def operators(self, level: int) -> Node:
        """Read operands and the operators between them that bind at least as strongly as `level`."""
        self._nesting += 1
        if self._nesting > _NESTING_MAX:
            self._fail("the expression is nested too deeply; write it with fewer parentheses")
        left = self._operand(level)
        last = MINUS
        while (found := self._operator()) and _strength(found) >= level:
            if _strength(found) == COMPARISON == last:
                self._fail("comparisons can't be chained; join two of them by and")
            last = _strength(found)
            left = self._operation(left, found)
        self._nesting -= 1
        return left

    def end(self) -> None:
        """Refuse whatever follows."""
        if self._token.kind is not Kind.END:
            word = self._token.text
            if self._token.kind is Kind.WORD and word.lower() in WORDS and word != word.lower():
                self._fail(f"write {word.lower()} in small letters")
            self._fail(f"{self._token} is not expected here; put an operator before it, or remove it")

    def _operator(self) -> str | None:
        is_operator = self._token.kind in {Kind.SIGN, Kind.WORD} and self._token.text in LEVELS
        return self._token.text if is_operator else None

    def _operation(self, left: Node, operator: str) -> Node:
        at = self._token.at
        if operator == "not":
            return self._negated(left)
        if operator in {"in", "matches"}:
            return self._tested(left)
        operands = [left]
        while self._operator() == operator and (len(operands) == 1 or operator in JOINED):
            self._next()
            operands.append(self.operators(LEVELS[operator] + 1))
        return self._call(operator, operands, at)

    def _negated(self, left: Node) -> Node:
        """Read `not in` or `not matches`."""
        at = self._next().at
        if self._operator() not in {"in", "matches"}:
            self._fail("after not, in or matches is expected; put not before what it negates")
        return self._call("not", [self._tested(left)], at)

    def _tested(self, left: Node) -> Node:
        token = self._next()
        if token.text == "matches":
            return self._call("matches", [left, self._literal()], token.at)
        self._take("(")
        operands = [left, self._literal()]
        while self._is(","):
            self._next()
            operands.append(self._literal())
        self._take(")")
        return self._call("in", operands, token.at)

    def _operand(self, level: int) -> Node:
        token = self._token
        if self._is("not"):
            if level > NOT:
                self._fail("put not and what it negates in parentheses")
            self._next()
            return self._call("not", [self.operators(NOT)], token.at)
        if self._is("-"):
            self._next()
            if self._token.kind is Kind.NUMBER:
                return self._number(self._next(), "-", token)
            return self._call("negative", [self.operators(MINUS)], token.at)
        return self._primary()

    def _primary(self) -> Node:
        token = self._token
        if token.kind in {Kind.NUMBER, Kind.TEXT}:
            return self._literal()
        if self._is("("):
            self._next()
            inner = self.operators(OR)
            self._take(")")
            return inner
        if token.kind is not Kind.WORD:
            self._fail(f"{token} is not expected here; write a value, a name, a function or a parenthesis")
        return self._worded(self._next())

    def _worded(self, token: Token) -> Node:
        """Read what begins with a word, which is taken already."""
        node: Node
        if token.text in {"true", "false"}:
            node = Literal(token.text == "true", token.at)
        elif token.text == "case":
            node = self._case(token)
        elif token.text == "properties":
            node = self._property(token)
        elif token.text in WORDS:
            self._fail(f"{token} is not expected here; write a value, a name or a function", token)
        elif self._is("("):
            node = self._call(token.text, self._arguments(), token.at)
        elif self._is("."):
            self._next()
            message = f"there is nothing in {token.text}; a property is written properties.{self._token.text or 'NAME'}"
            self._fail(message, token)
        else:
            node = Name(token.text, token.at)
        return node

    def _arguments(self) -> list[Node]:
        self._take("(")
        arguments: list[Node] = []
        while not self._is(")"):
            if arguments:
                self._take(",")
            arguments.append(self.operators(OR))
        self._take(")")
        return arguments

    def _case(self, token: Token) -> Node:
        arguments: list[Node] = []
        while self._is("when") or not arguments:
            self._take("when")
            arguments.append(self.operators(OR))
            self._take("then")
            arguments.append(self.operators(OR))
        if self._is("else"):
            self._next()
            arguments.append(self.operators(OR))
        self._take("end")
        return self._call("case", arguments, token.at)

    def _property(self, token: Token) -> Node:
        if self._is("["):
            self._next()
            key = self._next(Kind.TEXT, 'the key in quotes, as in properties["a key"]')
            self._take("]")
        else:
            self._take(".")
            key = self._next(Kind.WORD, 'the key of a property; write others as properties["a key"]')
        if not key.text:
            self._fail("no property has an empty key; name it", key)
        return Property(key.text, token.at)

    def _literal(self) -> Literal:
        token = self._next()
        if token.text == "-" and token.kind is Kind.SIGN and self._token.kind is Kind.NUMBER:
            return self._number(self._next(), "-", token)
        if token.kind is Kind.NUMBER:
            return self._number(token)
        if token.kind is Kind.TEXT:
            return Literal(token.text, token.at)
        if token.kind is Kind.WORD and token.text in {"true", "false"}:
            return Literal(token.text == "true", token.at)
        message = f"{token} is not expected here; write a number, or a text in quotes"
        raise ExpressionError(message, token.at)

    def _number(self, token: Token, sign: str = "", first: Token | None = None) -> Literal:
        try:
            return Literal(parse_decimal(sign + token.text), (first or token).at)
        except InvalidDecimalError as error:
            raise ExpressionError(error.message, token.at) from None

    def _call(self, function: str, arguments: list[Node], at: Position) -> Node:
        call = Call(function, tuple(arguments), at)
        if call.size > PARTS_MAX:
            raise ExpressionError(f"the expression has more than {PARTS_MAX} parts; make it smaller", call.at)
        if call.depth > DEPTH_MAX:
            message = f"the expression is more than {DEPTH_MAX} levels deep; write it flatter"
            raise ExpressionError(message, call.at)
        return call

    def _is(self, text: str) -> bool:
        return self._token.text == text and self._token.kind in {Kind.SIGN, Kind.WORD}

    def _take(self, text: str) -> None:
        if not self._is(text):
            self._fail(f"{text} is expected here instead of {self._token}")
        self._next()

    def _next(self, kind: Kind | None = None, expected: str = "") -> Token:
        token = self._token
        if kind is not None and token.kind is not kind:
            self._fail(f"here is expected {expected}")
        if token.kind is not Kind.END:
            self._token = next(self._tokens)
        return token

    def _fail(self, message: str, token: Token | None = None) -> NoReturn:
        raise ExpressionError(message, (token or self._token).at)


def _strength(operator: str) -> int:
    """Return how strongly an operator binds that follows an operand, where not is that of `not in`."""
    return COMPARISON if operator == "not" else LEVELS[operator]
