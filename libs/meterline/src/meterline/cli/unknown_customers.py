"""Customers asked for that the catalog does not know: an empty answer about one is most often a typing error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors import MeterlineError, NotFound
from metering.rating.v1 import rating_service_pb2 as pb
from meterline.cli.output import say
from meterline.suite.context import ContextError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meterline.client import AsyncClient


async def unknown_customers(client: AsyncClient, customers: Iterable[str]) -> list[str]:
    """Return which of some customers, about whom there is nothing to show, are not in the catalog; "" names none."""
    unknown: list[str] = []
    for customer in filter(None, customers):
        try:
            await client.rating.GetCustomer(pb.GetCustomerRequest(name=customer))
        except NotFound:
            unknown.append(customer)
        except (MeterlineError, ContextError):
            # It is only a hint: without rating, or without leave to ask it, it is left out.
            return unknown
    return unknown


def tell_unknown_customers(names: Iterable[str]) -> None:
    """Say which customers there are not."""
    for name in names:
        say(f"the catalog has no customer {name!r}; `meterline get customers` lists them")
