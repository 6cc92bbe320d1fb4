"""Messages to values and back; what may not be mixed is refused where it comes in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chassis.errors import InvalidRequest, NotReady, Reason
from chassis.rpc.pages import page_token
from invoicing.domain.charges import Charge, Rated
from invoicing.domain.composition import compose
from invoicing.domain.invoices import GENESIS_CHAIN, FrozenInvoice, ListPlace, Place, digest_of, freeze
from invoicing.domain.profiles import default_profile
from invoicing.operations.invoices import fitting_into_a_message
from invoicing.wire import invoices as wire
from invoicing.wire.profiles import profile_from_proto
from metering.common.v1 import values_pb2
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as service_pb
from metering.rating.v1 import catalog_pb2, charge_pb2
from money import InvalidDecimalError

ChargeMaker = Callable[..., Charge]
RatedMaker = Callable[..., Rated]


def charge_message(**changed: str) -> charge_pb2.Charge:
    fields = {"item": "Calls", "quantity": "3", "exact_amount": "1.005", "currency": "USD"} | changed
    return charge_pb2.Charge(kind=charge_pb2.CHARGE_KIND_USAGE, **fields)  # type: ignore[arg-type]


def rated_currency(*charges: charge_pb2.Charge) -> str:
    customer = catalog_pb2.Customer(name="UA", spec=catalog_pb2.CustomerSpec(currency="EUR"))
    rated = wire.rated_from_proto(
        charges=charges,
        contract=catalog_pb2.Contract(name="C-1"),
        customer=customer,
        period=values_pb2.Period(),
        billing_period="2025-01",
        as_of=values_pb2.AsOf(),
    )
    assert rated.customer_name == "UA"
    return rated.currency


def test_charges_are_in_their_own_currency_not_in_the_one_the_customer_has_now() -> None:
    assert rated_currency(charge_message()) == "USD"
    assert rated_currency() == "EUR"


def test_charges_in_two_currencies_are_no_invoice() -> None:
    with pytest.raises(NotReady) as refused:
        rated_currency(charge_message(), charge_message(currency="JPY"))

    assert refused.value.reason is Reason.CURRENCY_MISMATCH


@pytest.mark.parametrize("amount", ["", "NaN", "1e400", "\uff11", "1.", "1" * 61, "0." + "1" * 37])
def test_an_amount_that_is_no_plain_decimal_is_refused(amount: str) -> None:
    with pytest.raises(InvalidDecimalError):
        wire.charge_from_proto(charge_message(exact_amount=amount))


def test_a_seller_that_the_eye_can_not_tell_from_another_is_refused() -> None:
    spec = invoice_pb2.BillingProfileSpec(seller="Ac\u00adme Inc.", number_prefix="AC")

    with pytest.raises(InvalidRequest) as refused:
        profile_from_proto(spec, default_profile("acme"))

    assert [(one.field, one.reason) for one in refused.value.violations] == [("spec.seller", Reason.TEXT_INVALID)]


def stored(sequence: int, size: int) -> FrozenInvoice:
    return FrozenInvoice(f"INV-{sequence:06d}", "INV", sequence, "C-1", "2025-01", "UA", b" " * size, b"", b"", b"")


def test_a_page_fits_into_one_message_and_holds_one_invoice_at_least() -> None:
    mebibyte = 1024 * 1024
    huge = stored(1, 5 * mebibyte)
    middling = [stored(n, mebibyte) for n in range(1, 8)]

    assert fitting_into_a_message([huge, *middling]) == [huge]
    assert fitting_into_a_message(middling) == middling[:3]
    assert fitting_into_a_message(middling[:2]) == middling[:2]
    assert fitting_into_a_message([]) == []


def long_invoice(rated: Rated, charge: Charge, lines: int) -> FrozenInvoice:
    """An invoice whose every line has a hundred tiers."""
    charges = [replace(charge, item=f"item {n}", tiers=charge.tiers * 100) for n in range(lines)]
    composition = compose(replace(rated, charges=tuple(charges)), [], "Seller")
    issued = [replace(part.line, id=f"INV-000001.{n}") for n, part in enumerate(composition.lines, start=1)]
    return freeze(composition.content(issued, datetime(2025, 2, 1, tzinfo=UTC)), Place("INV", 1, GENESIS_CHAIN))


def pages_of(invoice: FrozenInvoice, page_size: int) -> list[service_pb.GetInvoiceResponse]:
    pages = [wire.page_to_proto(invoice, page_size, "")]
    while pages[-1].next_page_token:
        pages.append(wire.page_to_proto(invoice, page_size, pages[-1].next_page_token))
    return pages


@pytest.mark.parametrize(("lines", "page_size"), [(0, 10), (3, 1), (3, 3), (400, 1000)])
def test_the_pages_of_an_invoice_fit_into_messages_and_together_are_the_invoice(
    charge: ChargeMaker, rated: RatedMaker, lines: int, page_size: int
) -> None:
    invoice = long_invoice(rated(), charge(), lines)
    whole = wire.page_to_proto(invoice, 0, "")

    pages = pages_of(invoice, page_size)

    assert (whole.invoice, whole.canonical_json) == (wire.invoice_to_proto(invoice), invoice.canonical_json)
    assert [line for page in pages for line in page.invoice.lines] == list(whole.invoice.lines)
    assert digest_of(b"".join(page.canonical_json for page in pages)) == invoice.digest
    assert {page.line_count for page in (whole, *pages)} == {lines}
    assert max(page.ByteSize() for page in pages) < 8 * 1024 * 1024
    for page in pages:
        page.invoice.ClearField("lines")
    whole.invoice.ClearField("lines")
    assert all(page.invoice == whole.invoice for page in pages)


@pytest.mark.parametrize(
    ("page_size", "token"), [(10, "x"), (10, page_token(-1, 0)), (10, page_token("INV", 1)), (0, page_token(1, 1))]
)
def test_a_token_that_no_page_of_an_invoice_gave_is_refused(
    charge: ChargeMaker, rated: RatedMaker, page_size: int, token: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        wire.page_to_proto(long_invoice(rated(), charge(), 2), page_size, token)

    assert [one.reason for one in refused.value.violations] == [Reason.PAGE_TOKEN_INVALID]


def test_a_page_begins_where_its_token_says() -> None:
    assert wire.place_after("") == ListPlace("", 0)
    assert wire.place_after(page_token("INV", 17)) == ListPlace("INV", 17)
