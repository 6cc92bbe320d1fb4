"""How the domain's refusals name their field from the request's root, and become errors of the suite."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from chassis.errors import invalid_field
from rating.domain.problems import InvalidEntryError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def inside(parent: str) -> Iterator[None]:
    """Name the field of any refusal in the block below `parent`."""
    try:
        yield
    except InvalidEntryError as error:
        raise error.inside(parent) from error


@contextmanager
def refused_as_invalid_request(parent: str = "spec") -> Iterator[None]:
    """Turn any refusal in the block into InvalidRequest with the field below `parent`."""
    try:
        yield
    except InvalidEntryError as error:
        named = error.inside(parent)
        raise invalid_field(named.field, named.reason, named.message) from error
