"""Looks at how long the lists of a request are before it is parsed.

Parsing makes an object per entry, and two bytes on the wire are enough for one; the rules of a contract then look at
every entry, some at every pair. So a large request is first read by a shadow of its message, in which every entry is
left as the bytes it came in: that costs little whatever was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from buf.validate import validate_pb2
from chassis.errors import Reason, TooBig, invalid_field

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

ENTRIES_MAX: Final = 20_000
"""Entries of a list for which the contract names no number."""
PAIRS_MAX: Final = 4096
"""The same for maps, which cost more."""
LONG_FROM_BYTES: Final = 4096
"""A smaller message holds no list that is long enough to hurt."""

_LENGTH_DELIMITED: Final = frozenset(
    {FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}
)


@dataclass(frozen=True, slots=True)
class _List:
    name: str
    entries_max: int
    generous_max: int
    entry: Descriptor | None


@dataclass(frozen=True, slots=True)
class _Shadow:
    kind: type[Message]
    lists: tuple[_List, ...]
    parts: tuple[tuple[str, Descriptor], ...]


def check_lengths(described: Descriptor, data: bytes, *, declared: bool) -> None:
    """Check the lists in `data`, which claims to be a message of the type `described`, however deep they lie.

    Lists may be as long as the contract says, unless `declared` is False: then all have the same generous limit, and
    the method itself looks closer. Raises InvalidRequest or TooBig for the first that is too long, and DecodeError.
    """
    if len(data) >= LONG_FROM_BYTES:
        _check(described, data, "", declared=declared)


def _check(described: Descriptor, data: bytes, parent: str, *, declared: bool) -> None:
    shadow = _shadow_of(described)
    message: Any = shadow.kind.FromString(data)
    for one in shadow.lists:
        entries = getattr(message, one.name)
        count, path = len(entries), f"{parent}{one.name}"
        if declared and count > one.entries_max:
            text = f"holds {count} entries; at most {one.entries_max} are allowed"
            raise invalid_field(path, Reason.FIELD_INVALID, text)
        if count > one.generous_max:
            raise TooBig(Reason.BATCH_TOO_LARGE, f"{path} holds {count} entries; split the batch")
        # Only a large message can hold an entry that is worth a look.
        if one.entry is not None and len(data) >= LONG_FROM_BYTES:
            for index, entry in enumerate(entries):
                if len(entry) >= LONG_FROM_BYTES:
                    _check(one.entry, entry, f"{path}[{index}].", declared=declared)
    for name, part in shadow.parts:
        inner = getattr(message, name)
        if len(inner) >= LONG_FROM_BYTES:
            _check(part, inner, f"{parent}{name}.", declared=declared)


@cache
def _shadow_of(described: Descriptor) -> _Shadow:
    file = descriptor_pb2.FileDescriptorProto(name=f"{described.full_name}.shadow", package="shadow", syntax="proto3")
    copy = file.message_type.add(name=described.full_name.replace(".", "_"))
    lists: list[_List] = []
    parts: list[tuple[str, Descriptor]] = []
    for field in described.fields:
        if field.type not in _LENGTH_DELIMITED or not (field.is_repeated or field.message_type is not None):
            continue
        label = FieldDescriptor.LABEL_REPEATED if field.is_repeated else FieldDescriptor.LABEL_OPTIONAL
        copy.field.add(name=field.name, number=field.number, label=label, type=FieldDescriptor.TYPE_BYTES)
        if field.is_repeated:
            lists.append(_list_of(field))
        elif field.message_type is not None:
            parts.append((field.name, field.message_type))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    kind = GetMessageClass(pool.FindMessageTypeByName(f"shadow.{copy.name}"))
    return _Shadow(kind, tuple(lists), tuple(parts))


def _list_of(field: FieldDescriptor) -> _List:
    entry = field.message_type
    rules = field.GetOptions().Extensions[validate_pb2.field]
    is_map = entry is not None and entry.GetOptions().map_entry
    declared = rules.map.max_pairs if is_map else rules.repeated.max_items
    generous_max = PAIRS_MAX if is_map else ENTRIES_MAX
    return _List(field.name, declared or generous_max, generous_max, entry)
