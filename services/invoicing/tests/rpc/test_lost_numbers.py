"""After a restore: no number is given twice, what was lost is noted, and the chain goes on over the gap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.errors import Conflict, InvalidRequest, MeterlineError, NotReady, Reason
from chassis.errors.status import from_rpc_error
from chassis.one_off import one_off_engine
from chassis.postgres import transaction
from invoicing.operations.lost_numbers import hold_numbers, release_numbers
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from testkit.postgres import Cluster

Invoicing = Any
FakeRating = Any
Stub = Any
WHY = (("x-meterline-reason-bin", b"restored to Monday, seen at UA"),)


@pytest_asyncio.fixture(loop_scope="session")
async def owner(invoicing: Invoicing) -> AsyncIterator[AsyncEngine]:
    """The database as the operator's commands see it."""
    async with one_off_engine("invoicing", invoicing.database.owner_dsn) as engine:
        yield engine


@pytest_asyncio.fixture(loop_scope="session")
async def stub(invoicing: Invoicing, rating: FakeRating) -> Stub:
    """A client, and a contract that used something in each month."""
    contract = rating.contract()
    for month in range(1, 10):
        contract.use(f"2025-{month:02d}", "1", "2")
    return invoicing.stub()


async def finalize(stub: Stub, month: int) -> str:
    request = pb.FinalizeInvoiceRequest(contract="C-1", billing_period=f"2025-{month:02d}")
    return str((await stub.FinalizeInvoice(request)).invoice.number)


async def state(stub: Stub, number: str = "", *, none_lost: str = "") -> pb.StateLastNumberResponse:
    last = {"number": number} if number else {"series_without_loss": none_lost}
    response: pb.StateLastNumberResponse = await stub.StateLastNumber(pb.StateLastNumberRequest(**last), metadata=WHY)
    return response


async def verify(stub: Stub) -> pb.VerifyInvoicesResponse:
    response: pb.VerifyInvoicesResponse = await stub.VerifyInvoices(pb.VerifyInvoicesRequest())
    return response


async def refusal(call: Any) -> MeterlineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_after_a_restore_no_number_is_given_until_the_last_one_is_stated(
    invoicing: Invoicing, rating: FakeRating, stub: Stub, owner: AsyncEngine
) -> None:
    assert await finalize(stub, 1) == "INV-000001"
    told = await hold_numbers(owner, "restored to Monday")
    asked = len(rating.asked)

    refused = await refusal(finalize(stub, 2))

    assert "meterline invoice state-last" in told
    assert (type(refused), refused.reason) == (NotReady, Reason.NUMBERS_HELD)
    assert "meterline invoice state-last NUMBER" in refused.message
    assert "meterline invoice state-last --none-lost INV" in refused.message
    assert len(rating.asked) == asked  # nothing is sealed for an invoice that can't be made
    assert await finalize(stub, 1) == "INV-000001"  # what is final is answered as ever

    stated = await state(stub, "INV-000004")

    assert (stated.lost.first_number, stated.lost.last_number) == ("INV-000002", "INV-000004")
    assert (stated.lost.reason, stated.lost.stated_by) == ("restored to Monday, seen at UA", "tester")
    assert stated.lost.stated_at.ToDatetime(tzinfo=invoicing.clock.now().tzinfo) == invoicing.clock.now()
    assert (stated.created, stated.next_number) == (True, "INV-000005")
    assert await finalize(stub, 2) == "INV-000005"


async def test_a_closing_invoice_is_held_back_as_well(
    invoicing: Invoicing, rating: FakeRating, stub: Stub, owner: AsyncEngine
) -> None:
    await finalize(stub, 1)
    await hold_numbers(owner, "restored")
    rating.contracts["acme", "C-1"].use("2025-01", "5")
    closing = pb.FinalizeClosingInvoiceRequest(customer="UA", currency="USD", billing_period="2025-01")

    assert (await refusal(stub.FinalizeClosingInvoice(closing))).reason is Reason.NUMBERS_HELD

    await state(stub, none_lost="INV")
    assert (await stub.FinalizeClosingInvoice(closing)).invoice.number == "INV-000002"


async def test_that_none_is_lost_is_stated_too_and_leaves_no_gap(stub: Stub, owner: AsyncEngine) -> None:
    await finalize(stub, 1)
    await hold_numbers(owner, "restored")

    stated = await state(stub, none_lost="INV")

    assert (stated.HasField("lost"), stated.created, stated.next_number) == (False, True, "INV-000002")
    assert await finalize(stub, 2) == "INV-000002"
    again = await state(stub, none_lost="INV")
    assert (again.HasField("lost"), again.created, again.next_number) == (False, False, "INV-000003")
    assert not (await verify(stub)).lost_numbers


async def test_the_chain_is_proven_over_the_gap_which_is_named(stub: Stub) -> None:
    await finalize(stub, 1)
    await state(stub, "INV-000003")
    await finalize(stub, 2)
    await finalize(stub, 3)
    await state(stub, "INV-000006")

    verified = await verify(stub)

    assert (verified.invoice_count, list(verified.problems)) == (3, [])
    gaps = [(lost.first_number, lost.last_number) for lost in verified.lost_numbers]
    assert gaps == [("INV-000002", "INV-000003"), ("INV-000006", "INV-000006")]


async def test_stating_it_twice_is_the_same_whatever_came_since(stub: Stub, owner: AsyncEngine) -> None:
    await hold_numbers(owner, "restored")
    first = await state(stub, "INV-000002")
    assert await finalize(stub, 1) == "INV-000003"

    again = await state(stub, "INV-000002")

    assert (again.lost, again.created, again.next_number) == (first.lost, False, "INV-000004")
    assert [lost.first_number for lost in (await verify(stub)).lost_numbers] == ["INV-000001"]


async def test_a_number_before_the_end_of_the_series_is_refused(stub: Stub) -> None:
    for month in (1, 2, 3):
        await finalize(stub, month)

    refused = await refusal(state(stub, "INV-000002"))

    assert (type(refused), refused.reason) == (InvalidRequest, Reason.FIELD_INVALID)
    assert "the series INV has reached INV-000003; state that number or a later one" in refused.message
    assert await finalize(stub, 4) == "INV-000004"


async def test_the_last_number_of_a_series_without_loss_changes_nothing(stub: Stub) -> None:
    await finalize(stub, 1)
    before = await verify(stub)

    stated = await state(stub, "INV-000001")

    assert (stated.HasField("lost"), stated.created, stated.next_number) == (False, False, "INV-000002")
    assert await verify(stub) == before


@pytest.mark.parametrize("number", ["17", "INV-17", "INV-0000017", "inv-000017", "INV-000000", "INV-000017.2"])
async def test_what_no_invoice_can_bear_is_refused(stub: Stub, number: str) -> None:
    refused = await refusal(state(stub, number))

    assert (type(refused), [violation.field for violation in refused.violations]) == (InvalidRequest, ["number"])
    assert "such as INV-000017" in refused.message


async def test_a_second_restore_asks_again(stub: Stub, owner: AsyncEngine) -> None:
    await hold_numbers(owner, "restored")
    await state(stub, "INV-000002")
    await hold_numbers(owner, "restored once more")

    assert (await refusal(finalize(stub, 1))).reason is Reason.NUMBERS_HELD
    stated = await state(stub, "INV-000002")
    assert (stated.HasField("lost"), stated.created) == (False, True)
    assert await finalize(stub, 1) == "INV-000003"


async def test_each_series_of_each_tenant_is_held_also_those_that_the_database_does_not_know(
    invoicing: Invoicing, rating: FakeRating, stub: Stub, owner: AsyncEngine
) -> None:
    rating.contract(tenant="globex")
    await finalize(stub, 1)
    await hold_numbers(owner, "restored")
    await state(stub, none_lost="INV")

    assert (await refusal(finalize(invoicing.stub("globex"), 1))).reason is Reason.NUMBERS_HELD

    assert "has ended" in await release_numbers(owner, "globex is new")
    assert await finalize(invoicing.stub("globex"), 1) == "INV-000001"
    assert "nothing to do" in await release_numbers(owner, "globex is new")


async def test_a_hold_does_not_end_before_each_known_series_is_stated(stub: Stub, owner: AsyncEngine) -> None:
    await finalize(stub, 1)
    await hold_numbers(owner, "restored")

    with pytest.raises(Conflict, match=r"1 series is not stated \(INV of tenant acme\)") as refused:
        await release_numbers(owner, "hurry")

    assert refused.value.reason is Reason.NUMBERS_HELD
    assert (await refusal(finalize(stub, 2))).reason is Reason.NUMBERS_HELD


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE lost_number SET last_sequence = 4", "INV-000004: number 5 of its series is missing"),
        ("UPDATE lost_number SET reason = 'no reason'", "INV-000002: it is noted as lost, but the note was changed"),
        ("DELETE FROM lost_number", "number 2 of its series is missing before it"),
        ("DELETE FROM lost_number", "it does not follow the invoice before it"),
    ],
)
async def test_a_gap_that_was_changed_or_taken_out_is_found(
    invoicing: Invoicing, stub: Stub, postgres_cluster: Cluster, change: str, code: str
) -> None:
    await finalize(stub, 1)
    await state(stub, "INV-000003")
    await finalize(stub, 2)

    superuser = postgres_cluster.superuser_dsn.rpartition("/")[0] + f"/{invoicing.database.name}"
    async with one_off_engine("invoicing", superuser) as engine, transaction(engine) as conn:
        await conn.execute(text("SET LOCAL session_replication_role = replica"))
        assert (await conn.execute(text(change))).rowcount == 1

    assert any(code in problem for problem in (await verify(stub)).problems), (await verify(stub)).problems


async def test_who_stated_it_and_why_is_in_the_audit_trail_once(invoicing: Invoicing, stub: Stub) -> None:
    await state(stub, "INV-000003")
    await state(stub, "INV-000003")

    async with transaction(invoicing.engine) as conn:
        rows = await conn.execute(text("SELECT method, reason FROM audit_record WHERE outcome = 'OK'"))
        found = [(row.method.rpartition("/")[2], row.reason) for row in rows]
    assert found == [("StateLastNumber", "restored to Monday, seen at UA")]
