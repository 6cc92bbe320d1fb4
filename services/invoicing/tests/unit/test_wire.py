"""Messages to values and back; what may not be mixed is refused where it comes in."""

from __future__ import annotations

import pytest

from chassis.errors import InvalidRequest, NotReady, Reason
from chassis.rpc.pages import page_token
from invoicing.domain.invoices import FrozenInvoice
from invoicing.domain.profiles import default_profile
from invoicing.operations.invoices import fitting_into_a_message
from invoicing.wire import invoices as wire
from invoicing.wire.profiles import profile_from_proto
from metering.common.v1 import values_pb2
from metering.invoicing.v1 import invoice_pb2
from metering.rating.v1 import catalog_pb2, charge_pb2
from money import InvalidDecimalError


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


def test_a_page_begins_where_its_token_says() -> None:
    assert wire.place_after("") == ("", 0)
    assert wire.place_after(page_token("INV", 17)) == ("INV", 17)
