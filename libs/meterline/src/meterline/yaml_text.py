"""YAML as the texts that were written: 0.10 must not pass through a float, nor 2013-01-01 through a date."""

from __future__ import annotations

from typing import Any

import yaml


class StrictLoader(yaml.SafeLoader):
    """Reads numbers and dates as texts, and refuses a key that is given twice."""


def _as_written(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


def _mapping_without_twins(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _value in node.value:
        key = loader.construct_object(key_node, deep=True)
        try:
            twin = key in seen
            seen.add(key)
        except TypeError:
            message = "a key must be a text"
            raise yaml.constructor.ConstructorError(None, None, message, key_node.start_mark) from None
        if twin:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", key_node.start_mark)
    return loader.construct_mapping(node, deep=True)


for _tag in ("float", "int", "timestamp"):
    StrictLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _as_written)
StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping_without_twins)
