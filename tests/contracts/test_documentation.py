"""What buf cannot see: that the comments say what a caller must know, in the words that the code knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from chassis.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES, ENUMS, SERVICES = 4, 5, 6  # field numbers of FileDescriptorProto: the first step of a comment's path
STATUSES = {code.name for code in grpc.StatusCode}
CAPITALS = re.compile(r"\b[A-Z]{2,}(?:_[A-Z0-9]+)+\b|\bINTERNAL\b")


def comments(file: FileDescriptorProto) -> dict[tuple[int, ...], str]:
    """Every comment of a file by the path of what it stands at."""
    return {
        tuple(place.path): " ".join((place.leading_comments + place.trailing_comments).split())
        for place in file.source_code_info.location
    }


def rpcs(contracts: list[FileDescriptorProto]) -> Iterator[tuple[str, str]]:
    """Every RPC's full name with its comment."""
    for file in contracts:
        said = comments(file)
        for s, service in enumerate(file.service):
            for m, method in enumerate(service.method):
                yield f"{file.package}.{service.name}/{method.name}", said.get((SERVICES, s, 2, m), "")


def documented(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """Every message, field, enum and value of a file with its comment; maps' hidden messages left out."""
    said = comments(file)

    def of_message(message: object, path: tuple[int, ...], name: str) -> Iterator[tuple[str, str]]:
        if message.options.map_entry:  # type: ignore[attr-defined]
            return
        yield name, said.get(path, "")
        for i, field in enumerate(message.field):  # type: ignore[attr-defined]
            yield f"{name}.{field.name}", said.get((*path, 2, i), "")
        for i, nested in enumerate(message.nested_type):  # type: ignore[attr-defined]
            yield from of_message(nested, (*path, 3, i), f"{name}.{nested.name}")
        for i, enum in enumerate(message.enum_type):  # type: ignore[attr-defined]
            yield from of_enum(enum, (*path, 4, i), f"{name}.{enum.name}")

    def of_enum(enum: object, path: tuple[int, ...], name: str) -> Iterator[tuple[str, str]]:
        yield name, said.get(path, "")
        for i, value in enumerate(enum.value):  # type: ignore[attr-defined]
            yield f"{name}.{value.name}", said.get((*path, 2, i), "")

    for i, message in enumerate(file.message_type):
        yield from of_message(message, (MESSAGES, i), message.name)
    for i, enum in enumerate(file.enum_type):
        yield from of_enum(enum, (ENUMS, i), enum.name)


def test_every_message_field_and_value_is_said_in_a_sentence(contracts: list[FileDescriptorProto]) -> None:
    wanting = [
        f"{file.name}: {name}: {comment!r}"
        for file in contracts
        for name, comment in documented(file)
        if not re.search(r"[.…:)\"]$", comment)
    ]

    assert wanting == []


def test_every_reason_an_rpc_names_exists_in_the_code(contracts: list[FileDescriptorProto]) -> None:
    known = STATUSES | {reason.value for reason in Reason}
    unknown = [
        f"{name}: {word}"
        for name, comment in rpcs(contracts)
        if "Errors:" in comment
        for word in CAPITALS.findall(comment.partition("Errors:")[2])
        if word not in known
    ]

    assert unknown == []


@pytest.mark.parametrize("kind", [FieldDescriptorProto.TYPE_DOUBLE, FieldDescriptorProto.TYPE_FLOAT])
def test_no_message_carries_a_float(
    contracts: list[FileDescriptorProto], kind: FieldDescriptorProto.Type.ValueType
) -> None:
    floats = [
        f"{file.name}: {message.name}.{field.name}"
        for file in contracts
        for message in file.message_type
        for field in message.field
        if field.type == kind
    ]

    assert floats == []


def test_the_checks_would_see_a_bare_comment() -> None:
    file = FileDescriptorProto(name="x.proto", package="metering.x.v1")
    file.message_type.add(name="Bare").field.add(name="value")
    place = file.source_code_info.location.add(leading_comments=" A message.\n")
    place.path.extend((MESSAGES, 0))

    assert list(documented(file)) == [("Bare", "A message."), ("Bare.value", "")]
