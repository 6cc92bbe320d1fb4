"""Many entries in one call: all of them or none, in any order, and a check that writes nothing."""

from __future__ import annotations

import random
from typing import Any

import pytest

from chassis.errors import InvalidRequest, MeterlineError, NotFound, Reason
from metering.common.v1 import values_pb2
from metering.rating.v1 import catalog_pb2 as cat
from metering.rating.v1 import rating_service_pb2 as pb

CREATED = values_pb2.APPLY_OUTCOME_CREATED
UNCHANGED = values_pb2.APPLY_OUTCOME_UNCHANGED


def entries() -> list[pb.CatalogEntry]:
    """Make a catalog in the worst order: each entry stands before what it refers to."""
    contract = cat.ContractSpec(
        customer="acme", plan="standard", start="2026-01-01", interval=cat.BILLING_INTERVAL_MONTH, time_zone="UTC"
    )
    item = cat.PlanItem(
        name="Calls", product="calls", usage=cat.UsagePrice(per_unit=cat.PerUnitPrice(unit_price="0.05"))
    )
    return [
        pb.CatalogEntry(contract=pb.ApplyContractRequest(name="acme-1", spec=contract)),
        pb.CatalogEntry(customer=pb.ApplyCustomerRequest(name="acme", spec=cat.CustomerSpec(currency="USD"))),
        pb.CatalogEntry(plan=pb.ApplyPlanRequest(name="standard", spec=cat.PlanSpec(currency="USD", items=[item]))),
        pb.CatalogEntry(product=pb.ApplyProductRequest(name="calls", spec=cat.ProductSpec(meter="calls"))),
    ]


async def counts(catalog: Any) -> tuple[int, int, int, int]:
    """Count what is stored."""
    call = catalog.caller
    return (
        len((await call("ListProducts", pb.ListProductsRequest())).products),
        len((await call("ListPlans", pb.ListPlansRequest())).plans),
        len((await call("ListCustomers", pb.ListCustomersRequest())).customers),
        len((await call("ListContracts", pb.ListContractsRequest())).contracts),
    )


async def test_entries_in_any_order_are_applied_and_applied_again_change_nothing(catalog: Any) -> None:
    first = await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=entries()))
    again = await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=entries()))

    assert list(first.outcomes) == [CREATED] * 4
    assert list(again.outcomes) == [UNCHANGED] * 4
    assert await counts(catalog) == (1, 1, 1, 1)


async def test_one_bad_entry_takes_all_others_back_and_is_named(catalog: Any) -> None:
    overlapping = pb.CatalogEntry()
    overlapping.CopyFrom(entries()[0])
    overlapping.contract.name = "acme-2"

    with pytest.raises(MeterlineError) as refused:
        await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=[*entries(), overlapping]))

    assert isinstance(refused.value, InvalidRequest)
    assert refused.value.reason is Reason.CONTRACT_OVERLAP
    assert "contract 'acme-2'" in refused.value.message
    assert refused.value.metadata["entry"] == "4"
    assert await counts(catalog) == (0, 0, 0, 0)


async def test_validating_says_what_would_happen_and_writes_nothing(catalog: Any) -> None:
    request = pb.ApplyCatalogRequest(entries=entries(), validate_only=True)

    answer = await catalog.caller("ApplyCatalog", request)

    assert list(answer.outcomes) == [CREATED] * 4
    assert await counts(catalog) == (0, 0, 0, 0)


async def test_a_reference_to_nothing_is_refused(catalog: Any) -> None:
    with pytest.raises(NotFound) as refused:
        await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=entries()[:2]))

    assert refused.value.reason is Reason.PLAN_NOT_FOUND


async def test_a_repeated_request_is_answered_as_the_first_time(catalog: Any) -> None:
    request = pb.ApplyCatalogRequest(request_id="r1", entries=entries())

    first = await catalog.caller("ApplyCatalog", request)
    again = await catalog.caller("ApplyCatalog", request)

    assert again == first


def graduated(name: str, *bounds: str, currency: str = "USD") -> pb.CatalogEntry:
    tiers = [cat.PriceTier(up_to=bound, unit_price="1") for bound in bounds]
    item = cat.PlanItem(name="Calls", meter="calls", usage=cat.UsagePrice(graduated=cat.GraduatedPrice(tiers=tiers)))
    return pb.CatalogEntry(plan=pb.ApplyPlanRequest(name=name, spec=cat.PlanSpec(currency=currency, items=[item])))


def customer(name: str, currency: str = "USD") -> pb.CatalogEntry:
    return pb.CatalogEntry(customer=pb.ApplyCustomerRequest(name=name, spec=cat.CustomerSpec(currency=currency)))


def contract(name: str, of: str, plan: str, start: str = "2026-01-01", end: str = "") -> pb.CatalogEntry:
    spec = cat.ContractSpec(
        customer=of, plan=plan, start=start, end=end, interval=cat.BILLING_INTERVAL_MONTH, time_zone="UTC"
    )
    return pb.CatalogEntry(contract=pb.ApplyContractRequest(name=name, spec=spec))


async def test_everything_that_is_wrong_is_told_at_once_by_entry_and_field(catalog: Any) -> None:
    wrong = [
        graduated("steps", "10", "5", "3", "20", currency="XXX"),
        customer("globex", "YYY"),
        customer("acme"),
        contract("acme-1", "acme", "nothing"),
        contract("acme-2", "acme", "nowhere"),
        graduated("fine", "10", ""),
        contract("globex-1", "globex", "fine"),
        contract("steps-1", "acme", "steps"),
    ]

    with pytest.raises(InvalidRequest) as refused:
        await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=wrong, validate_only=True))

    # What refers to a refused entry is not blamed for it.
    assert [(violation.field, violation.reason) for violation in refused.value.violations] == [
        ("entries[0].plan.spec.currency", Reason.CURRENCY_UNKNOWN),
        ("entries[0].plan.spec.items[0].usage.graduated.tiers[3].up_to", Reason.TIERS_INVALID),
        ("entries[0].plan.spec.items[0].usage.graduated.tiers[1].up_to", Reason.TIERS_INVALID),
        ("entries[0].plan.spec.items[0].usage.graduated.tiers[2].up_to", Reason.TIERS_INVALID),
        ("entries[1].customer.spec.currency", Reason.CURRENCY_UNKNOWN),
        ("entries[3].contract.spec", Reason.PLAN_NOT_FOUND),
        ("entries[4].contract.spec", Reason.PLAN_NOT_FOUND),
    ]
    assert refused.value.metadata["entry"] == "0"
    assert await counts(catalog) == (0, 0, 0, 0)


async def test_of_one_contract_an_unknown_customer_an_unknown_plan_and_a_wrong_end_are_told_together(
    catalog: Any,
) -> None:
    ends_early = contract("first", "nobody", "nothing", end="2025-01-01")
    cannot_be_billed = contract("second", "no-one", "nowhere", start="1970-01-01")
    cannot_be_billed.contract.spec.time_zone = "Africa/Monrovia"

    with pytest.raises(InvalidRequest) as refused:
        await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=[ends_early, cannot_be_billed]))

    assert [(violation.field, violation.reason) for violation in refused.value.violations] == [
        ("entries[0].contract.spec.end", Reason.CONTRACT_INVALID),
        ("entries[0].contract.spec.customer", Reason.CUSTOMER_NOT_FOUND),
        ("entries[0].contract.spec.plan", Reason.PLAN_NOT_FOUND),
        ("entries[1].contract.spec.customer", Reason.CUSTOMER_NOT_FOUND),
        ("entries[1].contract.spec.plan", Reason.PLAN_NOT_FOUND),
        ("entries[1].contract.spec.start", Reason.CONTRACT_INVALID),
    ]
    assert refused.value.message.endswith("and 1 more entry is refused")


async def test_a_contract_on_a_refused_plan_is_blamed_for_its_own_faults_alone(catalog: Any) -> None:
    wrong = [graduated("steps", "10", currency="XXX"), contract("acme-1", "nobody", "steps", end="2025-01-01")]

    with pytest.raises(InvalidRequest) as refused:
        await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=wrong))

    found = [violation.field for violation in refused.value.violations if "entries[1]" in violation.field]
    assert found == ["entries[1].contract.spec.end", "entries[1].contract.spec.customer"]


async def test_an_entry_that_breaks_a_rule_of_its_message_is_looked_at_all_the_same(catalog: Any) -> None:
    wrong = [
        contract("acme-1", "nobody", "nothing", start="yesterday"),
        contract("acme-2", "", "nowhere"),
        contract("no name", "acme", "fine"),
        customer("acme", "euros"),
        graduated("fine", ""),
        contract("acme-3", "acme", "none"),
    ]

    with pytest.raises(InvalidRequest) as refused:
        await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=wrong))

    # What names the customer that is refused itself is not blamed for it.
    assert [(violation.field, violation.reason) for violation in refused.value.violations] == [
        ("entries[0].contract.spec.start", Reason.FIELD_INVALID),
        ("entries[0].contract.spec.customer", Reason.CUSTOMER_NOT_FOUND),
        ("entries[0].contract.spec.plan", Reason.PLAN_NOT_FOUND),
        ("entries[1].contract.spec.customer", Reason.FIELD_REQUIRED),
        ("entries[1].contract.spec", Reason.PLAN_NOT_FOUND),
        ("entries[2].contract.name", Reason.FIELD_INVALID),
        ("entries[3].customer.spec.currency", Reason.FIELD_INVALID),
        ("entries[5].contract.spec.plan", Reason.PLAN_NOT_FOUND),
    ]
    assert await counts(catalog) == (0, 0, 0, 0)


async def test_as_many_changes_of_contracts_are_told_as_were_asked_for(catalog: Any) -> None:
    first = [
        customer("acme"),
        graduated("fine", ""),
        *(contract(f"c-{n}", "acme", "fine", f"202{n}-01-01", f"202{n}-06-01") for n in range(3)),
    ]
    await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=first))
    longer = [contract(f"c-{n}", "acme", "fine", f"202{n}-01-01", f"202{n}-07-01") for n in range(3)]

    def asked(**most: Any) -> pb.ApplyCatalogRequest:
        return pb.ApplyCatalogRequest(entries=longer, validate_only=True, **most)

    none = await catalog.caller("ApplyCatalog", asked(contract_changes_max=0))
    two = await catalog.caller("ApplyCatalog", asked(contract_changes_max=2))
    unasked = await catalog.caller("ApplyCatalog", asked())

    assert [(len(told.contract_changes), told.untold_changes) for told in (none, two, unasked)] == [
        (0, 3),
        (2, 1),
        (3, 0),
    ]


async def test_more_faults_than_an_answer_holds_are_counted(catalog: Any) -> None:
    wrong = [customer(f"customer-{number}", "XXX") for number in range(900)]

    with pytest.raises(InvalidRequest) as refused:
        await catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=wrong))

    assert 10 < len(refused.value.violations) < 900
    assert refused.value.metadata["violations"] == "900"
    assert refused.value.message.endswith("and 899 more entries are refused")


async def test_many_entries_at_once_come_to_the_same_as_one_by_one(rating: Any) -> None:
    """Random batches, of which some are refused: the rules see the same whether entries come alone or together."""
    chance = random.Random(11)
    together, apart = rating.user("together"), rating.user("apart")
    refusals = 0
    for _ in range(60):
        batch = _random_batch(chance)
        try:
            answer = await together("ApplyCatalog", pb.ApplyCatalogRequest(entries=batch))
        except MeterlineError:
            refusals += 1
            continue
        outcomes = {}
        for place in sorted(range(len(batch)), key=lambda place: _rank(batch[place])):
            kind = str(batch[place].WhichOneof("entry"))
            done = await apart(f"Apply{kind.capitalize()}", getattr(batch[place], kind))
            outcomes[place] = done.outcome
        assert [outcomes[place] for place in range(len(batch))] == list(answer.outcomes)
    assert 5 < refusals < 55
    for method, request in (("ListContracts", pb.ListContractsRequest()), ("ListCustomers", pb.ListCustomersRequest())):
        found, expected = await together(method, request), await apart(method, request)
        assert _timeless(found) == _timeless(expected)


ORDER = ("product", "plan", "customer", "contract")


def _rank(entry: pb.CatalogEntry) -> tuple[int, str]:
    kind = entry.WhichOneof("entry")
    assert kind is not None
    return ORDER.index(kind), getattr(entry, kind).name


def _timeless(answer: Any) -> list[tuple[str, int, str]]:
    listed = getattr(answer, "contracts", None) or getattr(answer, "customers", [])
    return [(entry.name, entry.version, str(entry.spec)) for entry in listed]


def _random_batch(chance: random.Random) -> list[pb.CatalogEntry]:
    batch = []
    for _ in range(chance.randrange(1, 6)):
        number, name = chance.randrange(3), f"customer-{chance.randrange(3)}"
        currency = chance.choice(["USD", "USD", "EUR"])
        month, length = chance.randrange(1, 10), chance.randrange(1, 4)
        end = f"2026-{month + length:02d}-01" if month + length < 13 else ""
        batch.append(
            chance.choice(
                [
                    graduated(f"plan-{number}", chance.choice(["5", "10"]), "", currency=currency),
                    customer(name, currency),
                    contract(f"{name}-{number}", name, f"plan-{chance.randrange(3)}", f"2026-{month:02d}-01", end),
                ]
            )
        )
    return batch
