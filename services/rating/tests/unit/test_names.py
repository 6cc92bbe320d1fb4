"""The one rule for names holds for every text of the catalog; what an older release took can still be read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidRequest, Reason
from chassis.errors.refused import Refused, refusals
from chassis.text import name_fault
from metering.rating.v1 import catalog_pb2 as cat
from metering.rating.v1 import rating_service_pb2 as pb
from rating.domain.customers import Customer
from rating.domain.plans import Plan, PlanItem
from rating.wire.catalogs import checked_customer
from rating.wire.contracts import contract_from_proto
from rating.wire.customers import customer_from_proto
from rating.wire.plans import plan_from_proto
from rating.wire.products import product_from_proto

USD = cat.CustomerSpec(display_name="Acme", currency="USD")


def plan(item: cat.PlanItem | None = None, description: str = "") -> cat.PlanSpec:
    return cat.PlanSpec(currency="USD", items=[] if item is None else [item], description=description)


def item(name: str = "Fee", meter: str = "", product: str = "") -> cat.PlanItem:
    return cat.PlanItem(name=name, meter=meter, product=product, fixed=cat.FixedFee(amount="1"))


def contract(customer: str) -> cat.ContractSpec:
    return cat.ContractSpec(customer=customer, plan="p", start="2025-01-01", time_zone="UTC")


DOORS: dict[str, Callable[[str], object]] = {
    "name": lambda text: checked_customer(text, pb.ApplyCustomerRequest(spec=USD)),
    "customer": lambda text: contract_from_proto(contract(text)),
    "display_name": lambda text: customer_from_proto(cat.CustomerSpec(display_name=text, currency="USD")),
    "product.display_name": lambda text: product_from_proto(cat.ProductSpec(display_name=text, meter="calls")),
    "product.meter": lambda text: product_from_proto(cat.ProductSpec(display_name="Calls", meter=text)),
    "description": lambda text: plan_from_proto(plan(description=text)),
    "items[0].name": lambda text: plan_from_proto(plan(item(name=text))),
    "items[0].meter": lambda text: plan_from_proto(plan(item(meter=text))),
    "items[0].product": lambda text: plan_from_proto(plan(item(product=text))),
}


@pytest.mark.parametrize("door", DOORS)
@given(text=st.text(st.sampled_from("aé\u0301 \u3000\u200b\u202e\n"), min_size=1, max_size=4))
def test_what_is_refused_is_what_the_rule_says(door: str, text: str) -> None:
    told = name_fault(text)
    if told is None:
        DOORS[door](text)
        return

    with pytest.raises(InvalidRequest) as refused, refusals():
        DOORS[door](text)

    found = [(one.field, one.reason, one.message) for one in refused.value.violations]
    assert found == [(door.removeprefix("product."), Reason.TEXT_INVALID, told)]


def test_a_customer_that_was_taken_before_the_rule_can_be_read() -> None:
    assert Customer("Ac\u00adme ", "USD").display_name == "Ac\u00adme "


@pytest.mark.parametrize(
    ("first", "second"), [("Calls", "\uff23alls"), ("\ufb01xed", "fixed"), ("price a \u00b5s", "price a \u03bcs")]
)
def test_items_of_a_plan_that_look_the_same_are_refused(first: str, second: str) -> None:
    spec = cat.PlanSpec(currency="USD", items=[item(first), item("Other"), item(second)])

    with pytest.raises(Refused) as refused:
        plan_from_proto(spec)

    assert (refused.value.field, refused.value.reason) == ("items[2].name", Reason.PLAN_INVALID)
    assert f"{second!a} looks like {first!a}" in refused.value.text


def test_wide_letters_alone_are_a_name_like_any() -> None:
    assert plan_from_proto(cat.PlanSpec(currency="USD", items=[item("\uff23\uff21\uff2c\uff2c"), item("CALL 2")])).items


def test_a_plan_that_is_stored_stays_readable_whatever_its_names() -> None:
    items = tuple(draft_item.items[0] for draft_item in (plan_from_proto(plan(item(name))) for name in ("\uff21", "A")))

    assert Plan("USD", tuple(PlanItem(one.name, one.meter, one.product, one.price) for one in items)).items
