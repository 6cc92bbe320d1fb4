"""A check that every request goes through: texts that Postgres can't hold are refused by field, wherever they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from google.protobuf.descriptor import FieldDescriptor

from chassis.errors import Reason, invalid_field

if TYPE_CHECKING:
    from google.protobuf.message import Message

Request = TypeVar("Request", bound="Message")


def checked(request: Request) -> Request:
    """Give the request back. Raises InvalidRequest TEXT_INVALID if any text in it, however deep, holds a NUL."""
    _check(request, "")
    return request


def _check(message: Message, path: str) -> None:
    for field, value in message.ListFields():
        values = value if field.is_repeated else (value,)
        for position, each in enumerate(values):
            name = f"{path}{field.name}[{position}]" if field.is_repeated else f"{path}{field.name}"
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                _check(each, f"{name}.")
            elif field.type == FieldDescriptor.TYPE_STRING and "\x00" in each:
                raise invalid_field(name, Reason.TEXT_INVALID, "holds the character U+0000; use printable text")
