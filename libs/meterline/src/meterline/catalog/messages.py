"""Reads the spec of a document as its message, by the descriptor alone, and remembers where each field was written."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError

from buf.validate import validate_pb2
from eventlog.rfc3339 import instant_or_midnight_of_text
from meterline.catalog.sugar import DEFAULTS, LEFT_OUT, SHORT_FORMS, NotSugarError, Short, shorts_for
from meterline.errors import InputError, InputErrors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor import Descriptor, EnumDescriptor
    from google.protobuf.message import Message

_LARGEST: Final = {FieldDescriptor.CPPTYPE_UINT32: 2**32 - 1, FieldDescriptor.CPPTYPE_UINT64: 2**64 - 1}
WHOLE_TYPES: Final = _LARGEST.keys()
_DIGITS_MAX: Final = 1_000
"""Longer texts are not even read as numbers: that takes long, and none of them fits."""
_STEP: Final = re.compile(r"\.?([^.\[]+)|\[(\d+)\]")
_SHOWN_CHARS: Final = 300


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a document: its path as the contract names it, its path as it was written, and its line."""

    field: str
    written: str
    line: int
    is_spelled_out: bool = True
    """Whether what lies below was written as the contract has it."""

    def below(self, name: str, written: str, line: int | None) -> Spot:
        """Return the place of a field."""
        return self._deeper(f".{name}", f".{written}", line)

    def entry(self, index: int, line: int | None) -> Spot:
        """Return the place of an entry of a list."""
        return self._deeper(f"[{index}]", f"[{index}]", line)

    def _deeper(self, step: str, written: str, line: int | None) -> Spot:
        shown = (self.written + written).removeprefix(".") if self.is_spelled_out else self.written
        return Spot(self.field + step, shown, line or self.line, self.is_spelled_out)


class SpecReader:
    """Reads one spec, that of `document` in `file`; `root` is the key that holds it, "" where it is all there is."""

    def __init__(self, file: str, document: str, root: str = "spec") -> None:
        """Know nothing yet."""
        self._file = file
        self._document = document
        self._root = root
        self._spots: dict[str, Spot] = {}
        self._above: dict[str, Descriptor] = {}
        """The messages that hold those at a place."""
        self._mistakes: list[str] = []

    def read(self, descriptor: Descriptor, message: Message, document: Any, line: int) -> None:
        """Fill `message`, which `descriptor` describes. Raises InputErrors for all that the contract does not know."""
        spot = Spot("spec", self._root, line)
        self._spots[spot.field] = spot
        try:
            spec = self._message(descriptor, document, spot)
            if not self._mistakes:
                ParseDict(spec, message)
        except InputError as error:
            self._mistakes.append(str(error))
        except ParseError as error:
            self._mistakes.append(str(self._wrong(spot, str(error))))
        if self._mistakes:
            raise InputErrors(self._mistakes)

    def place(self, field: str, descriptor: Descriptor) -> tuple[str, str]:
        """Return where a field of the message was written, or would have been: the origin and the path, for people."""
        prefix = field
        while prefix and prefix not in self._spots:
            prefix = prefix[: max(prefix.rfind("."), prefix.rfind("["), 0)]
        spot = self._spots[prefix or "spec"]
        rest = _as_written(descriptor, field, len(prefix)) if spot.is_spelled_out and "." in field else ""
        return self._origin(spot), (spot.written + rest).removeprefix(".")

    def _origin(self, spot: Spot) -> str:
        return f"{self._file}, line {spot.line} ({self._document})"

    def _wrong(self, spot: Spot, text: str) -> InputError:
        where = f"{spot.written}: " if spot.written else ""
        return InputError(f"{self._origin(spot)}: {where}{text}")

    def _message(self, descriptor: Descriptor, value: Any, spot: Spot) -> dict[str, Any]:
        if isinstance(value, str) and len(descriptor.fields) == 1:
            value = {descriptor.fields[0].json_name: value}
            spot = replace(spot, is_spelled_out=False)
        if not isinstance(value, dict):
            raise self._wrong(spot, _wanted(descriptor, value))
        fields = {field.json_name: field for field in descriptor.fields}
        lines: Mapping[str, int] = getattr(value, "lines", {})
        read: dict[str, Any] = {}
        given: dict[str, str] = {}
        written = (
            (key, content, short)
            for key, content in value.items()
            for short in shorts_for(descriptor.full_name, str(key), content)
        )
        for key, content, short in written:
            field = fields.get(short.field)
            at = spot.below(field.name if field else str(key), str(key), lines.get(key))
            try:
                if field is None:
                    raise self._wrong(at, _unknown(str(key), descriptor, self._above.get(spot.field)))
                if short.field in given:
                    raise self._wrong(at, f"given twice: it means the same as {given[short.field]}; leave one out")
                given[short.field] = str(key)
                expanded, there = self._expanded(short, content, at)
                if expanded is not LEFT_OUT:
                    read[short.field] = None
                    read[short.field] = self._field(field, expanded, there)
            except InputError as error:
                self._mistakes.append(str(error))
        self._check_alternatives(descriptor, value, spot, set(read))
        for name, default in DEFAULTS.get(descriptor.full_name, {}).items():
            if name not in read:
                read[name] = self._field(fields[name], default, spot)
        return read

    def _expanded(self, short: Short, content: Any, at: Spot) -> tuple[Any, Spot]:
        if short.expand is None:
            return content, at
        try:
            return short.expand(content), Spot(at.field, at.written, at.line, is_spelled_out=False)
        except NotSugarError as error:
            raise self._wrong(at, str(error)) from None

    def _check_alternatives(self, descriptor: Descriptor, value: Any, spot: Spot, read: set[str]) -> None:
        for oneof in descriptor.oneofs:
            given = [field.json_name for field in oneof.fields if field.json_name in read]
            if len(given) > 1:
                shorts = SHORT_FORMS.get(descriptor.full_name, {})
                written = [key for key in value if shorts.get(key, Short(key)).field in given]
                raise self._wrong(spot, f"write only one of {' and '.join(written)}")

    def _field(self, field: FieldDescriptor, value: Any, spot: Spot) -> Any:
        self._spots[spot.field] = spot
        if not field.is_repeated:
            self._above[spot.field] = cast("Descriptor", field.containing_type)
            return self._value(field, value, spot)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return self._map(field.message_type.fields_by_name["value"], value, spot)
        if not isinstance(value, list):
            is_text = isinstance(value, str) and field.message_type is None and value.isprintable()
            raise self._wrong(spot, f"must be a list: write [{_shown(value)}]" if is_text else "must be a list")
        lines = getattr(value, "lines", [None] * len(value))
        return [self._field_entry(field, entry, spot.entry(n, lines[n])) for n, entry in enumerate(value)]

    def _field_entry(self, field: FieldDescriptor, value: Any, spot: Spot) -> Any:
        self._spots[spot.field] = spot
        try:
            return self._value(field, value, spot)
        except InputError as error:
            self._mistakes.append(str(error))
            return None

    def _map(self, field: FieldDescriptor, value: Any, spot: Spot) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(spot, "must be a mapping")
        lines: Mapping[str, int] = getattr(value, "lines", {})
        return {key: self._value(field, entry, spot.below(key, key, lines.get(key))) for key, entry in value.items()}

    def _value(self, field: FieldDescriptor, value: Any, spot: Spot) -> Any:
        if field.message_type is not None and field.message_type.full_name == "google.protobuf.Timestamp":
            return self._time(value, spot)
        if field.message_type is not None and field.message_type.file.package != "google.protobuf":
            return self._message(field.message_type, value, spot)
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            if isinstance(value, bool):
                return value
            raise self._wrong(spot, "must be true or false")
        if not isinstance(value, str):
            raise self._wrong(spot, _no_text(value))
        if field.enum_type is not None:
            return self._enum(field.enum_type, value, spot)
        if field.cpp_type in WHOLE_TYPES and not (value.isascii() and value.isdigit()):
            raise self._wrong(spot, f"must be a whole number: {_shown(value)}")
        listed = _listed(field) if field.cpp_type in WHOLE_TYPES else ()
        if listed and (len(value) > _DIGITS_MAX or int(value) not in listed):
            raise self._wrong(spot, f"must be one of {', '.join(map(str, listed))}: {_shown(value)}")
        if field.cpp_type in WHOLE_TYPES and (len(value) > _DIGITS_MAX or int(value) > _LARGEST[field.cpp_type]):
            least, most = _bounds(field)
            raise self._wrong(spot, f"must be a whole number from {least} to {most}: {_shown(value)}")
        return value

    def _enum(self, enum: EnumDescriptor, value: str, spot: Spot) -> str:
        words = enum_words(enum)
        for word, name in words.items():
            if value in {word, word.lower(), name}:
                return name
        raise self._wrong(spot, f"{_shown(value)} isn't known; write one of {', '.join(words)}")

    def _time(self, value: Any, spot: Spot) -> str:
        try:
            utc = instant_or_midnight_of_text(str(value), UTC)
        except ValueError as error:
            wanted = "isn't a valid time; write 2013-01-01T00:00:00Z"
            raise self._wrong(spot, f"{_shown(value)} {wanted}: it {error}") from None
        return utc.isoformat().replace("+00:00", "Z")


def _rules_of(field: FieldDescriptor) -> validate_pb2.UInt32Rules | validate_pb2.UInt64Rules:
    every = field.GetOptions().Extensions[validate_pb2.field]
    return every.uint32 if field.cpp_type == FieldDescriptor.CPPTYPE_UINT32 else every.uint64


def _listed(field: FieldDescriptor) -> tuple[int, ...]:
    """Return the numbers that the contract lists for a field of a whole type; none where it has bounds."""
    return tuple(getattr(_rules_of(field), "in"))


def _bounds(field: FieldDescriptor) -> tuple[int, int]:
    """Return the smallest and the largest number that the contract allows in a field of a whole type."""
    rules = _rules_of(field)
    least = rules.gte if rules.HasField("gte") else rules.gt + 1 if rules.HasField("gt") else 0
    most = rules.lte if rules.HasField("lte") else rules.lt - 1 if rules.HasField("lt") else _LARGEST[field.cpp_type]
    return least, most


def enum_words(enum: EnumDescriptor) -> dict[str, str]:
    """Return the values of an enum by what people write: without the shared prefix, and without "unspecified"."""
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    return {value.name.removeprefix(prefix): value.name for value in enum.values[1:]}


def keys_of(descriptor: Descriptor) -> list[str]:
    """Return what may be written in a message: a short form stands for its field."""
    shorts = {short.field: key for key, short in SHORT_FORMS.get(descriptor.full_name, {}).items()}
    return [shorts.get(field.json_name, field.json_name) for field in descriptor.fields]


def _no_text(value: Any) -> str:
    if value is None:
        return "is empty; write a text, or leave the key out"
    return f"must be a text, in quotes where YAML would read something else: {_shown(value)}"


def _wanted(descriptor: Descriptor, value: Any) -> str:
    """Say what must be written where a message is not."""
    keys = keys_of(descriptor)
    if len(keys) > 1:
        return f"must be a mapping with the keys {', '.join(keys)}"
    if value is None and not descriptor.fields[0].is_repeated:
        return "is empty; write a text"
    return f"must be a mapping with the key {keys[0]}"


def _unknown(key: str, descriptor: Descriptor, above: Descriptor | None) -> str:
    """Say what to write in place of a key that a message does not have."""
    keys = keys_of(descriptor)
    meant = [known for known in keys if known.lower() == key.lower()] or get_close_matches(key, keys, 1)
    if meant:
        return f"unknown; did you mean {meant[0]}? The keys are {', '.join(keys)}"
    if above is not None and key in keys_of(above):
        return f"unknown here; it belongs one level higher. Here write {', '.join(keys)}"
    return f"unknown; write {', '.join(keys)}"


def _as_written(descriptor: Descriptor, field: str, start: int) -> str:
    """Return the part of the path of a field from `start` on, with the names that people write."""
    written, at = "", descriptor
    for step in _STEP.finditer(field, field.index(".") + 1):
        name, index = step.groups()
        part = f"[{index}]"
        if name is not None:
            found = at.fields_by_name.get(name)
            if found is None:
                # The contract names a choice of fields; nobody writes that.
                return written if name in at.oneofs_by_name else field[start:]
            part = "." + dict(zip((f.name for f in at.fields), keys_of(at), strict=True))[name]
            at = found.message_type or at
        written += part if step.start() >= start else ""
    return written


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
