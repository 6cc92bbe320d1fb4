"""A request of very many entries is refused at the door, by field, before anything looks at each of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.errors import InvalidRequest, TooBig
from chassis.identity import Scope

ENTRIES = 200_000


def requests_with_a_long_list(described: Descriptor, within: tuple[Descriptor, ...] = ()) -> Iterator[Message]:
    """A message for every list that `described` can hold, however deep, with very many entries as short as can be."""
    for field in described.fields:
        entry = field.message_type
        if field.is_repeated and (entry is not None or field.type == FieldDescriptor.TYPE_STRING):
            yield GetMessageClass(described).FromString(_tag(field) * ENTRIES)
        if entry is None or entry in within or entry.GetOptions().map_entry:
            continue
        for inner in requests_with_a_long_list(entry, (*within, described)):
            outer: Any = GetMessageClass(described)()
            target = getattr(outer, field.name)
            (target.add() if field.is_repeated else target).CopyFrom(inner)
            yield outer


def _tag(field: FieldDescriptor) -> bytes:
    """An empty entry on the wire; in a map all have the same key, but nobody knows that beforehand."""
    tag = field.number << 3 | 2
    return bytes([tag, 0]) if tag < 0x80 else bytes([tag & 0x7F | 0x80, tag >> 7, 0])


async def test_very_many_entries_are_refused_at_once(door: Any, method: Any) -> None:
    scope = min(method.scopes)
    tenant = "acme" if scope is Scope.INTERNAL else None
    for request in requests_with_a_long_list(method.described.input_type):
        started_s = time.perf_counter()

        refused = await door.knock(method, door.token(scope), request, tenant=tenant)

        # A map is the shorter for it once it is a message, and then no long list at all.
        if len(request.SerializeToString()) >= ENTRIES:
            assert isinstance(refused, InvalidRequest | TooBig)
        assert time.perf_counter() - started_s < 2
