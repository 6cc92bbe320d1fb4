"""YAML as the texts that were written: 0.10 must pass through no float, 2013-01-01 through no date, NO through no bool.

A file is as large in memory as it looks: a few lines of aliases to aliases would stand for billions of values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

import yaml
from yaml.composer import Composer

from meterline.errors import InputError

if TYPE_CHECKING:
    from typing import BinaryIO

BYTES_MAX: Final = 16 * 1024 * 1024
DEPTH_MAX: Final = 64
_BOOL: Final = "tag:yaml.org,2002:bool"


class LinedMapping(dict[str, Any]):
    """A mapping that knows the lines of its keys."""

    lines: dict[str, int]


class LinedList(list[Any]):
    """A list that knows the lines of its entries."""

    lines: list[int]


class StrictLoader(Composer, yaml.CSafeLoader):
    """Reads numbers and dates as texts; refuses a key that is given twice, aliases, and what is nested too deeply.

    Text is taken apart by libyaml, several times as fast, and put together here, where every value is looked at.
    """

    def __init__(self, stream: str | bytes) -> None:
        """Read from a text."""
        yaml.CSafeLoader.__init__(self, stream)
        Composer.__init__(self)

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Read the next value, before anything is made of it."""
        event: Any = self.peek_event()
        if event.anchor is not None:
            message = "anchors and aliases (&name, *name) aren't read; write the value out at each place"
            raise yaml.composer.ComposerError(None, None, message, event.start_mark)
        if self._depth >= DEPTH_MAX:
            message = f"nested too deeply, in more than {DEPTH_MAX} lists and mappings"
            raise yaml.composer.ComposerError(None, None, message, event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def read_text(stream: BinaryIO, name: str) -> str:
    """Read a YAML file. Raises InputError if it is too large to be one, and UnicodeDecodeError."""
    data = stream.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise InputError(f"{name} is larger than {BYTES_MAX // 1024 // 1024} MiB; split it into several files")
    return data.decode("utf-8-sig")


def _as_written(loader: StrictLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


def _mapping_without_twins(loader: StrictLoader, node: yaml.MappingNode) -> LinedMapping:
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


def _sequence(loader: StrictLoader, node: yaml.SequenceNode) -> LinedList:
    sequence = LinedList(loader.construct_sequence(node, deep=True))
    sequence.lines = [entry.start_mark.line + 1 for entry in node.value]
    return sequence


# Elsewhere in YAML 1.1, "no" and "on" mean false and true, and Norway would have no code.
StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
StrictLoader.add_implicit_resolver(_BOOL, re.compile(r"(?:true|false)\Z"), ["t", "f"])
for _tag in ("float", "int", "timestamp"):
    StrictLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _as_written)
StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping_without_twins)
StrictLoader.add_constructor("tag:yaml.org,2002:seq", _sequence)
