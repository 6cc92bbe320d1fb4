"""YAML as the texts that were written: 0.10 must pass through no float, 2013-01-01 through no date, NO through no bool.

A file is as large in memory as it looks: a few lines of aliases to aliases would stand for billions of values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from meterline.errors import InputError

if TYPE_CHECKING:
    from typing import BinaryIO

BYTES_MAX: Final = 16 * 1024 * 1024
DEPTH_MAX: Final = 64
_CORE: Final = "tag:yaml.org,2002:"
_TAGS_OF_TEXTS: Final = {"!", *(_CORE + kind for kind in ("str", "int", "float", "timestamp", "map", "seq"))}
"""A value that has one of these tags is read as it was written."""
_MADE: Final[Mapping[str, Callable[[str], str | bool | None]]] = {
    _CORE + "null": lambda _: None,
    _CORE + "bool": lambda text: text == "true",
    **{_CORE + kind: str for kind in ("int", "float", "timestamp")},
}
# Elsewhere in YAML 1.1, "no" and "on" mean false and true, and Norway would have no code.
_TRUE_OR_FALSE: Final = (_CORE + "bool", re.compile(r"(?:true|false)\Z"))
_RESOLVERS: Final = {
    first: [_TRUE_OR_FALSE if tag == _CORE + "bool" else (tag, pattern) for tag, pattern in resolvers]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
"""What a text without quotes may be, by its first character."""


class LinedMapping(dict[str, Any]):
    """A mapping that knows the lines of its keys."""

    lines: dict[str, int]


class LinedList(list[Any]):
    """A list that knows the lines of its entries."""

    lines: list[int]


class StrictLoader(yaml.CSafeLoader):
    """Reads numbers and dates as texts; refuses a key given twice, aliases, tags, and what is nested too deeply.

    Text is taken apart by libyaml, and each value is made as its events come: a tree of nodes in between would take
    most of the time.
    """

    def get_single_data(self) -> Any:
        """Return the only document; None if there is none."""
        data = self.get_data() if self.check_data() else None
        if self.check_data():
            message = "expected a single document in the stream, but found another document"
            following: Any = self.peek_event()
            raise ComposerError(None, None, message, following.start_mark)
        return data

    def check_data(self) -> bool:
        """Whether another document follows."""
        if self.check_event(yaml.StreamStartEvent):
            self.get_event()
        return not self.check_event(yaml.StreamEndEvent)

    def get_data(self) -> Any:
        """Return the next document."""
        self.get_event()
        data = self._value(self.get_event(), 0)
        self.get_event()
        return data

    def _value(self, event: Any, depth: int) -> Any:
        """Return the value that begins with `event`, inside `depth` lists and mappings."""
        if event.anchor is not None:
            message = "anchors and aliases (&name, *name) aren't read; write the value out at each place"
            raise ComposerError(None, None, message, event.start_mark)
        if depth >= DEPTH_MAX:
            message = f"nested too deeply, in more than {DEPTH_MAX} lists and mappings"
            raise ComposerError(None, None, message, event.start_mark)
        if event.tag is not None and event.tag not in _TAGS_OF_TEXTS:
            raise ConstructorError(None, None, f"the tag {event.tag!r} isn't read; leave it out", event.start_mark)
        if type(event) is yaml.ScalarEvent:
            return event.value if event.tag is not None or not event.implicit[0] else _plain(event)
        return self._list(depth + 1) if type(event) is yaml.SequenceStartEvent else self._mapping(depth + 1)

    def _list(self, depth: int) -> LinedList:
        values = LinedList()
        values.lines = []
        event: Any
        while type(event := self.get_event()) is not yaml.SequenceEndEvent:
            values.lines.append(event.start_mark.line + 1)
            values.append(self._value(event, depth))
        return values

    def _mapping(self, depth: int) -> LinedMapping:
        values = LinedMapping()
        lines = values.lines = {}
        event: Any
        while type(event := self.get_event()) is not yaml.MappingEndEvent:
            key = self._value(event, depth)
            if isinstance(key, list | dict):
                raise ConstructorError(None, None, "a key must be a text", event.start_mark)
            if key in lines:
                raise ConstructorError(None, None, f"the key {key!r} is given twice", event.start_mark)
            lines[key] = event.start_mark.line + 1
            values[key] = self._value(self.get_event(), depth)
        return values


def _plain(event: Any) -> str | bool | None:
    """Return what a text without quotes is."""
    text: str = event.value
    for tag, pattern in _RESOLVERS.get(text[:1], ()):
        if pattern.match(text):
            if tag in _MADE:
                return _MADE[tag](text)
            raise ConstructorError(None, None, f"{text!r} has a meaning in YAML that isn't read", event.start_mark)
    return text


def read_text(stream: BinaryIO, name: str) -> str:
    """Read a YAML file. Raises InputError if it is too large to be one, and UnicodeDecodeError."""
    data = stream.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise InputError(f"{name} is larger than {BYTES_MAX // 1024 // 1024} MiB; split it into several files")
    return data.decode("utf-8-sig")
