"""YAML as the texts that were written: 0.10 must not pass through a float, nor 2013-01-01 through a date."""

from __future__ import annotations

from typing import Any, cast

import yaml


class LinedMapping(dict[str, Any]):
    """A mapping that knows the lines of its keys."""

    lines: dict[str, int]


class LinedList(list[Any]):
    """A list that knows the lines of its entries."""

    lines: list[int]


class StrictLoader(yaml.SafeLoader):
    """Reads numbers and dates as texts, and refuses a key that is given twice."""


def _as_written(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


def _mapping_without_twins(loader: yaml.SafeLoader, node: yaml.MappingNode) -> LinedMapping:
    lines: dict[Any, int] = {}
    for key_node, _value in node.value:
        key = loader.construct_object(key_node, deep=True)
        try:
            twin = key in lines
            lines[key] = key_node.start_mark.line + 1
        except TypeError:
            message = "a key must be a text"
            raise yaml.constructor.ConstructorError(None, None, message, key_node.start_mark) from None
        if twin:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", key_node.start_mark)
    mapping = LinedMapping(cast("dict[str, Any]", loader.construct_mapping(node, deep=True)))
    mapping.lines = lines
    return mapping


def _sequence(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> LinedList:
    sequence = LinedList(loader.construct_sequence(node, deep=True))
    sequence.lines = [entry.start_mark.line + 1 for entry in node.value]
    return sequence


for _tag in ("float", "int", "timestamp"):
    StrictLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _as_written)
StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping_without_twins)
StrictLoader.add_constructor("tag:yaml.org,2002:seq", _sequence)
