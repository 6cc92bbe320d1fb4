"""Holds callers who act for one customer to what belongs to that customer.

What a call concerns is declared in the contract (`policy.customer`), and this is the one rule made of it:

- Every customer that the request names, and the owner of every object that it names, must be the caller's own. Anything
  else is told as not found, with the same words and at the same time as what does not exist at all.
- A request that names neither object nor customer is about that customer: its empty field is filled in. So a list, or a
  stream, holds nothing of others.
- A call that concerns no customer, or has no field to fill in, is about the tenant as a whole, and refused.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from chassis.errors import Forbidden, NotFound, Reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator

    from google.protobuf.message import Message

    from chassis.rpc.call import Call
    from chassis.rpc.method import CustomerConcern

NOT_FOUND_AFTER_S: Final = 0.05
"""An object that is not the caller's is told as not found no sooner: a look for one that exists may take longer."""


@dataclass(frozen=True, slots=True)
class OwnedKind:
    """Objects of one kind, each of which belongs to a customer.

    `find_owner(tenant, *names)` returns the customer of the object that the request's fields name, or None if there is
    none. `not_found(*names)` is the error for one that does not exist, as the handler itself would raise it.
    """

    find_owner: Callable[..., Awaitable[str | None]]
    not_found: Callable[..., NotFound]


class Binding:
    """The rule for one method."""

    def __init__(self, concern: CustomerConcern, kind: OwnedKind | None = None) -> None:
        """Hold calls to `concern`, whose objects are of `kind`."""
        self._concern = concern
        self._path = tuple(concern.in_field.split(".")) if concern.in_field else ()
        self._kind = kind

    def admit(self, call: Call) -> None:
        """Refuse a call about the tenant as a whole before its request is read. Raises Forbidden (CUSTOMER_BOUND)."""
        if call.customer and self._concern.is_of_tenant:
            raise _about_the_tenant()

    async def check(self, call: Call, request: Any) -> None:
        """Hold a request to the caller's customer, if it acts for one, and fill in its empty field.

        Raises NotFound for what is of others, and Forbidden (CUSTOMER_BOUND) if it is about the tenant as a whole.
        """
        if not call.customer:
            return
        named = list(_named(request, self._path)) if self._path else []
        foreign = next((name for name in named if name not in ("", call.customer)), None)
        if foreign is not None:
            raise NotFound(Reason.CUSTOMER_NOT_FOUND, f"there is no customer {foreign!r}; check the name")
        objects = [getattr(request, name) for name in self._concern.object_fields]
        if any(objects):
            await self._check_owner(call, objects)
        elif not (self._path and _fill_in(request, self._path, call.customer)):
            raise _about_the_tenant()

    async def checked(self, call: Call, requests: AsyncIterable[Any]) -> AsyncIterator[Any]:
        """Yield the requests of a stream, each held to the caller's customer."""
        async for request in requests:
            await self.check(call, request)
            yield request

    async def _check_owner(self, call: Call, names: list[str]) -> None:
        if self._kind is None:
            raise _about_the_tenant()
        started_s = time.perf_counter()
        owner = await self._kind.find_owner(call.tenant, *names)
        if owner != call.customer:
            await asyncio.sleep(NOT_FOUND_AFTER_S - (time.perf_counter() - started_s))
            raise self._kind.not_found(*names)


class CheckedContext:
    """The context of a call that sends many requests, which a handler must take from their iterator: it checks them."""

    def __init__(self, context: Any) -> None:
        """Stand in for `context`."""
        self._context = context

    def __getattr__(self, name: str) -> Any:
        """Return what the context has."""
        return getattr(self._context, name)

    async def read(self) -> Any:
        """Raise TypeError: nobody would have checked what is read here."""
        raise TypeError("take the requests of a stream from their iterator: only those are checked")


def _named(message: Message, path: tuple[str, ...]) -> Iterator[str]:
    """Yield the texts at the end of a path, as they are; of a message that is not set, none."""
    name, *rest = path
    value = getattr(message, name)
    is_repeated = message.DESCRIPTOR.fields_by_name[name].is_repeated
    if not rest:
        yield from value if is_repeated else [value]
    elif is_repeated:
        for entry in value:
            yield from _named(entry, tuple(rest))
    elif message.HasField(name):
        yield from _named(value, tuple(rest))


def _fill_in(message: Message, path: tuple[str, ...], customer: str) -> bool:
    """Put `customer` wherever the end of a path is empty; return whether all of the message is about it then."""
    name, *rest = path
    value = getattr(message, name)
    is_repeated = message.DESCRIPTOR.fields_by_name[name].is_repeated
    if rest:
        entries = value if is_repeated else [value] if message.HasField(name) else []
        return bool(entries) and all(_fill_in(entry, tuple(rest), customer) for entry in entries)
    if is_repeated:
        value[:] = [customer]
    else:
        setattr(message, name, customer)
    return True


def _about_the_tenant() -> Forbidden:
    message = "this concerns the tenant as a whole, and you act for one customer; ask for what belongs to the customer"
    return Forbidden(Reason.CUSTOMER_BOUND, message)
