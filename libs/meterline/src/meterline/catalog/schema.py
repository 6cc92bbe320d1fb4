"""The JSON Schema of catalog files, made from the contract: its messages, their rules and their comments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from google.protobuf.descriptor import FieldDescriptor

from buf.validate import validate_pb2
from meterline.catalog.kinds import KINDS, Kind
from meterline.catalog.messages import WHOLE_TYPES, enum_words
from meterline.catalog.sugar import DEFAULTS, ONE_AT_LEAST, SHORT_FORMS, STANDS_FOR, is_list_of_texts, main_field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor import Descriptor

Schema = dict[str, Any]

_FIELD_NAME: Final = re.compile(r"`[a-z]+(?:_[a-z]+)+`")
_ABOUT: Final = (
    "One document of a catalog file. Numbers are texts, so that they stay exact; unquoted YAML numbers are read as the "
    "text they were written as."
)


def build(comments: Mapping[str, str]) -> Schema:
    """Return the schema. `comments` are those of the contract, by the full names of messages and fields."""
    definitions: dict[str, Schema] = {}
    for kind in KINDS.values():
        _define(kind.spec, comments, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Meterline catalog document",
        "description": _ABOUT,
        "type": "object",
        "required": ["kind", "spec"],
        "properties": {"kind": {"enum": list(KINDS)}, "metadata": True, "spec": True},
        "additionalProperties": False,
        "allOf": [_when(kind) for kind in KINDS.values()],
        "$defs": definitions,
    }


def _when(kind: Kind) -> Schema:
    then: Schema = {"properties": {"spec": {"$ref": f"#/$defs/{kind.spec.name}"}}}
    if kind.is_named:
        name = _value(cast("FieldDescriptor", kind.request.DESCRIPTOR.fields_by_name["name"]))
        metadata = {"type": "object", "required": ["name"], "properties": {"name": name}, "additionalProperties": False}
        then["properties"]["metadata"] = metadata
        then["required"] = ["metadata"]
    return {"if": {"properties": {"kind": {"const": kind.name}}}, "then": then}


def _define(descriptor: Descriptor, comments: Mapping[str, str], definitions: dict[str, Schema]) -> None:
    if descriptor.name in definitions:
        return
    properties: dict[str, Schema] = {}
    definitions[descriptor.name] = {"type": "object", "additionalProperties": False, "properties": properties}
    spellings = {field.json_name: [field.json_name] for field in descriptor.fields}
    for field in descriptor.fields:
        properties[field.json_name] = _field(field, comments)
        if field.message_type is not None and not _is_well_known(field.message_type):
            _define(field.message_type, comments, definitions)
    for key, short in SHORT_FORMS.get(descriptor.full_name, {}).items():
        spellings[short.field].append(key)
        properties[key] = dict(short.schema or properties[short.field])
    named, there = STANDS_FOR.get(descriptor.full_name, ("", frozenset()))
    demands = [
        _any_of([*spellings[field.json_name], named])
        if field.json_name in there
        else _one_of(spellings[field.json_name])
        for field in descriptor.fields
        if _is_required(field)
    ]
    demands += [
        _one_of([key for field in oneof.fields for key in spellings[field.json_name]]) for oneof in descriptor.oneofs
    ]
    if descriptor.full_name in ONE_AT_LEAST:
        demands.append(_any_of(list(ONE_AT_LEAST[descriptor.full_name])))
    if demands:
        definitions[descriptor.name]["allOf"] = demands


def _as_key(name: re.Match[str]) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name[0])


def _one_of(keys: list[str]) -> Schema:
    wanted = [{"required": [key]} for key in keys]
    return wanted[0] if len(wanted) == 1 else {"oneOf": wanted}


def _any_of(keys: list[str]) -> Schema:
    return {"anyOf": [{"required": [key]} for key in keys]}


def _field(field: FieldDescriptor, comments: Mapping[str, str]) -> Schema:
    comment = comments.get(field.full_name)
    described = {} if comment is None else {"description": _FIELD_NAME.sub(_as_key, comment)}
    if not field.is_repeated:
        return described | _value(field)
    rules = _rules(field).repeated
    counts = {"minItems": rules.min_items, "maxItems": rules.max_items, "uniqueItems": rules.unique}
    return described | {"type": "array", "items": _value(field)} | _given(counts)


def _given(limits: Mapping[str, Any]) -> Schema:
    return {name: value for name, value in limits.items() if value}


def _value(field: FieldDescriptor) -> Schema:
    if field.message_type is not None:
        return {"type": "string"} if _is_well_known(field.message_type) else _record(field.message_type)
    if field.enum_type is not None:
        return {"enum": [spelled for word in enum_words(field.enum_type) for spelled in (word, word.lower())]}
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return {"type": "boolean"}
    if field.cpp_type in WHOLE_TYPES:
        return _number(_rules(field))
    rules = _rules(field).string
    limits = {"minLength": rules.min_bytes, "maxLength": rules.max_bytes, "pattern": rules.pattern}
    return {"type": "string"} | _given(limits)


def _record(descriptor: Descriptor) -> Schema:
    reference, main = {"$ref": f"#/$defs/{descriptor.name}"}, main_field(descriptor)
    if main is None:
        return reference
    short = {"type": "array", "items": {"type": "string"}} if is_list_of_texts(main) else {"type": "string"}
    return {"anyOf": [reference, short]}


def _number(rules: validate_pb2.FieldRules) -> Schema:
    numbers: Any = rules.uint32 if rules.HasField("uint32") else rules.uint64
    allowed = list(getattr(numbers, "in"))
    if allowed:
        return {"enum": [spelled for number in allowed for spelled in (number, str(number))]}
    return {"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+$"} | _given({"maximum": numbers.lte})


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    rules: validate_pb2.FieldRules = field.GetOptions().Extensions[validate_pb2.field]
    return rules


def _is_required(field: FieldDescriptor) -> bool:
    """Whether the contract refuses the field's absence, and no default stands in for it."""
    rules = _rules(field)
    pattern = rules.string.pattern
    refuses_empty = rules.string.min_bytes > 0 or (bool(pattern) and re.search(pattern, "") is None)
    is_needed = rules.required or rules.repeated.min_items > 0 or 0 in rules.enum.not_in
    holder = field.containing_type
    assert holder is not None  # noqa: S101 - no extension is among the fields of a message
    has_default = field.json_name in DEFAULTS.get(holder.full_name, {})
    return (refuses_empty or is_needed) and not has_default


def _is_well_known(message: Descriptor) -> bool:
    return message.file.package == "google.protobuf"
