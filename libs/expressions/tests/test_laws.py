"""Laws of expressions over random trees, rows and texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from expressions import (
    Call,
    Environment,
    Expression,
    ExpressionError,
    Literal,
    Name,
    Property,
    Type,
    Value,
    compile_,
    parse,
    text_of,
)
from expressions.columns import Column, evaluate_columns
from expressions.tree import Node
from testkit.expressions_by_hand import Answer, ExampleEvent, answer_of

ENVIRONMENT = Environment({"time": Type.INSTANT, "customer": Type.TEXT, "subject": Type.TEXT})
KEYS = ["a", "b", "and", 'odd "key"', "ünï"]
TEXTS = ["", "x", "X y", "12.5", "-3", "0", "it's", "ß", "1e5", "999999999999999999", "0.000000000000000001", "a/b/c"]
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Marquesas"]
PATTERNS = ["^x", "[0-9]+", "y$", "^$", "(a|b)/"]
MODES = ["exact", "half_up", "half_even", "floor", "ceil"]


texts = st.sampled_from(TEXTS)
instants = st.one_of(
    st.integers(-(10**15), 4 * 10**15), st.sampled_from([-62_135_596_800_000_000, 253_402_300_799_999_999])
)
events = st.builds(
    ExampleEvent,
    texts=st.dictionaries(st.sampled_from(["customer", "subject"]), texts),
    properties=st.dictionaries(st.sampled_from(KEYS), texts),
    time_us=instants,
)
numbers = st.one_of(
    st.sampled_from([Decimal(0), Decimal(1), Decimal("-2.5"), Decimal("999999999999999999.999999999999999999")]),
    st.decimals(-1000, 1000, places=3).map(lambda value: abs(value) if value == 0 else value),
)


def call(function: str, *arguments: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.tuples(*arguments).map(lambda given: Call(function, given))


def several(function: str, part: st.SearchStrategy[Node], least: int = 2) -> st.SearchStrategy[Node]:
    return st.lists(part, min_size=least, max_size=3).map(lambda given: Call(function, tuple(given)))


def literal(values: st.SearchStrategy[Decimal] | st.SearchStrategy[str]) -> st.SearchStrategy[Node]:
    return st.builds(Literal, values)


def one(values: list[str]) -> st.SearchStrategy[Node]:
    return literal(st.sampled_from(values))


def either(function: str, one_of: list[str], *arguments: st.SearchStrategy[Node]) -> list[st.SearchStrategy[Node]]:
    return [call(name, *arguments) for name in one_of]


def trees(type_: Type, depth: int = 3) -> st.SearchStrategy[Node]:
    """Trees of a type, at most so deep."""
    if type_ is Type.INSTANT:
        return st.just(Name("time"))
    if type_ is Type.DECIMAL:
        return decimals(depth)
    return texts_of(depth) if type_ is Type.TEXT else bools(depth)


def decimals(depth: int) -> st.SearchStrategy[Node]:
    leaf = literal(numbers)
    if not depth:
        return leaf
    number, text, yes = decimals(depth - 1), texts_of(depth - 1), bools(depth - 1)
    step = literal(st.sampled_from([Decimal("0.25"), Decimal(60), Decimal("0.1"), Decimal(7)]))
    places = literal(st.integers(0, 18).map(Decimal))
    parts = ["year", "month", "day", "hour", "minute", "second", "weekday"]
    return st.one_of(
        leaf,
        call("decimal", text),
        call("length", text),
        *(call(name, number, number) for name in "+-*"),
        *(call(name, number) for name in ("negative", "abs", "floor", "ceil", "round")),
        *(call(name, number, step) for name in ("floor", "ceil", "round")),
        *(several(name, number) for name in ("min", "max", "coalesce")),
        *(call(name, st.just(Name("time")), one(ZONES)) for name in parts),
        call("quotient", number, number, places, one(MODES)),
        call("case", yes, number, number),
        call("case", yes, number, yes, number),
    )


def texts_of(depth: int) -> st.SearchStrategy[Node]:
    leaf = st.one_of(
        literal(texts), st.builds(Property, st.sampled_from(KEYS)), st.builds(Name, st.sampled_from(["customer"]))
    )
    if not depth:
        return leaf
    number, text, yes = decimals(depth - 1), texts_of(depth - 1), bools(depth - 1)
    return st.one_of(
        leaf,
        *(call(name, text) for name in ("lower", "upper", "trim")),
        *(call("text", part) for part in (number, text, yes)),
        *(several(name, text) for name in ("concat", "coalesce")),
        call("substring", text, number, number),
        call("part", text, text, number),
        call("date", st.just(Name("time")), one(ZONES)),
        call("case", yes, text, text),
    )


def bools(depth: int) -> st.SearchStrategy[Node]:
    leaf: st.SearchStrategy[Node] = st.builds(Literal, st.booleans())
    if not depth:
        return leaf
    number, text, yes = decimals(depth - 1), texts_of(depth - 1), bools(depth - 1)
    time: st.SearchStrategy[Node] = st.just(Name("time"))
    return st.one_of(
        leaf,
        *(call(name, part, part) for name in ("=", "!=") for part in (number, text, yes, time)),
        *(call(name, part, part) for name in ("<", "<=", ">", ">=") for part in (number, text, time)),
        *(several(name, yes) for name in ("and", "or", "coalesce")),
        call("not", yes),
        *(call("present", part) for part in (number, text, yes)),
        *(call(name, text, text) for name in ("starts_with", "ends_with", "contains")),
        call("matches", text, one(PATTERNS)),
        st.tuples(text, st.lists(literal(texts), min_size=1, max_size=3)).map(
            lambda given: Call("in", (given[0], *given[1]))
        ),
        st.tuples(number, st.lists(literal(numbers), min_size=1, max_size=3)).map(
            lambda given: Call("in", (given[0], *given[1]))
        ),
    )


any_trees = st.one_of(*(trees(type_) for type_ in Type))


def compiled(tree: Node) -> Callable[[ExampleEvent], Value | None]:
    return compile_(Expression(tree), ENVIRONMENT)


def agrees(found: Value | None, wanted: Answer) -> bool:
    if isinstance(found, Decimal):
        return Fraction(found) == wanted
    return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)


class Rows:
    """Many events as columns, as the log holds them: dictionaries with values that no event has."""

    def __init__(self, events: Sequence[ExampleEvent]) -> None:
        self.events = events

    def field(self, name: str) -> Column | NDArray[np.int64]:
        if name == "time":
            return np.array([event.time_us for event in self.events], dtype=np.int64)
        return self._column([event.texts.get(name) for event in self.events])

    def property(self, key: str) -> Column:
        return self._column([event.properties.get(key) for event in self.events])

    @staticmethod
    def _column(values: Sequence[str | None]) -> Column:
        dictionary = [None, "unused", *sorted({value for value in values if value is not None})]
        return Column(dictionary, np.array([dictionary.index(value) for value in values], dtype=np.int64))


@given(any_trees, events)
@settings(max_examples=600, deadline=None)
def test_it_agrees_with_an_evaluator_in_fractions(tree: Node, event: ExampleEvent) -> None:
    assert agrees(compiled(tree)(event), answer_of(tree, event))


@given(any_trees, st.lists(events, max_size=12))
@settings(max_examples=300, deadline=None)
def test_columns_give_what_rows_give(tree: Node, rows: list[ExampleEvent]) -> None:
    evaluate = compiled(tree)
    column = evaluate_columns(Expression(tree), Rows(rows))
    codes = [0] * len(rows) if column.codes is None else column.codes.tolist()

    assert [column.values[code] for code in codes] == [evaluate(row) for row in rows]


@given(any_trees)
@settings(max_examples=600, deadline=None)
def test_what_is_printed_reads_as_the_same_tree(tree: Node) -> None:
    assert parse(text_of(Expression(tree))).root == tree


SIGNS = "()[],.+-*/=<>'ß\n\x00"
WORDS = (
    "!= <= and or not in matches case when then else end true 1 0.5 'x' properties.a customer time "
    "decimal( hour( text( ceil( coalesce( quotient( 'UTC' 'floor' '(?='"
)
words = st.sampled_from([*SIGNS, *WORDS.split()])


@given(st.one_of(st.text(), st.lists(words, max_size=25).map(" ".join), st.lists(words, max_size=25).map("".join)))
@example("(" * 4096)
@example("-" * 4096)
@example("not " * 1024)
@example("case when " * 409)
@example("1" + "+1" * 2000)
@example("f(" * 2048)
@example("x" * 5000)
@settings(max_examples=1500, deadline=None)
def test_a_text_is_read_or_refused_with_its_place(source: str) -> None:
    column = 1
    try:
        expression = parse(source)
        compile_(expression, ENVIRONMENT)(ExampleEvent({}, {}, 0))
    except ExpressionError as error:
        column = error.position.column
    else:
        assert parse(text_of(expression)) == expression

    assert 1 <= column <= len(source) + 1
