"""One invoice and one line are checked on demand, and what is wrong is the answer."""

from __future__ import annotations

import hashlib
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from chassis.errors import Diverged, MeterlineError, NotFound, Reason, Unavailable
from chassis.errors.status import from_rpc_error
from chassis.postgres import open_engine, transaction
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from testkit.postgres import Cluster

Invoicing = Any
FakeRating = Any


async def finalize(stub: Any, month: str) -> invoice_pb2.Invoice:
    request = pb.FinalizeInvoiceRequest(contract="C-1", billing_period=month)
    invoice: invoice_pb2.Invoice = (await stub.FinalizeInvoice(request)).invoice
    return invoice


async def three_months(stub: Any, rating: FakeRating) -> list[invoice_pb2.Invoice]:
    """Three invoices; the second adjusts the first."""
    contract = rating.contract()
    contract.use("2025-01", "1", "2")
    first = await finalize(stub, "2025-01")
    contract.use("2025-01", "2")
    return [first, await finalize(stub, "2025-02"), await finalize(stub, "2025-03")]


async def refusal(call: Any) -> MeterlineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def invoice_check(stub: Any, number: str) -> pb.VerifyInvoiceResponse:
    answer: pb.VerifyInvoiceResponse = await stub.VerifyInvoice(pb.VerifyInvoiceRequest(number=number))
    return answer


async def line_check(stub: Any, line_id: str) -> pb.VerifyLineResponse:
    answer: pb.VerifyLineResponse = await stub.VerifyLine(pb.VerifyLineRequest(line_id=line_id))
    return answer


async def as_superuser(invoicing: Invoicing, cluster: Cluster, *changes: str) -> None:
    """Change rows without the triggers and the checks, as no role of ours may."""
    dsn = cluster.superuser_dsn.rpartition("/")[0] + f"/{invoicing.database.name}"
    engine = open_engine(dsn, invoicing.settings)
    checks = text("SELECT conname FROM pg_constraint WHERE conrelid = 'invoice'::regclass AND contype = 'c'")
    async with transaction(engine) as conn:
        await conn.execute(text("SET LOCAL session_replication_role = replica"))
        for name in (await conn.execute(checks)).scalars().all():
            await conn.execute(text(f"ALTER TABLE invoice DROP CONSTRAINT {name}"))
        for change in changes:
            assert (await conn.execute(text(change))).rowcount > 0
    await engine.dispose()


# --- invoices --------------------------------------------------------------------------------------------------------


async def test_an_invoice_that_was_left_alone_has_no_problem_wherever_it_stands(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    stub = invoicing.stub()

    for invoice in await three_months(stub, rating):
        checked = await invoice_check(stub, invoice.number)

        assert list(checked.problems) == []
        assert (checked.digest, checked.chain) == (invoice.digest, invoice.chain)
        assert checked.line_count == len(invoice.lines)
        assert checked.checked_at.ToDatetime() == invoicing.clock.now().replace(tzinfo=None)


async def test_one_byte_that_changed_names_the_invoice_and_no_other(
    invoicing: Invoicing, rating: FakeRating, postgres_cluster: Cluster
) -> None:
    stub = invoicing.stub()
    await three_months(stub, rating)
    changed = "overlay(canonical_json placing '\\x39'::bytea from position('UA Inc'::bytea in canonical_json))"
    change = f"UPDATE invoice SET canonical_json = {changed} WHERE number = 'INV-000002'"  # noqa: S608
    await as_superuser(invoicing, postgres_cluster, change)

    checked = {number: list((await invoice_check(stub, number)).problems) for number in numbers(3)}

    assert checked == {
        "INV-000001": [],
        "INV-000002": [
            "INV-000002: its content does not match its digest; it was changed after it was finalized",
        ],
        "INV-000003": [],
    }
    line = await line_check(stub, "INV-000002.1")
    assert list(line.problems) == checked["INV-000002"]


def numbers(count: int) -> list[str]:
    return [f"INV-{number:06d}" for number in range(1, count + 1)]


async def test_what_all_invoices_are_checked_for_one_is(
    invoicing: Invoicing, rating: FakeRating, postgres_cluster: Cluster
) -> None:
    stub = invoicing.stub()
    await three_months(stub, rating)
    await as_superuser(
        invoicing,
        postgres_cluster,
        "UPDATE invoice_line SET amount = 0 WHERE line_id = 'INV-000001.2'",
        "UPDATE billed_snapshot SET snapshot_id = 'snap-7' WHERE billing_period = '2025-02'",
        "UPDATE invoice SET finalized_at = finalized_at - interval '1 day' WHERE number = 'INV-000003'",
    )

    one_by_one = [problem for number in numbers(3) for problem in (await invoice_check(stub, number)).problems]

    everything = (await stub.VerifyInvoices(pb.VerifyInvoicesRequest())).problems
    assert sorted(one_by_one) == sorted(everything)
    assert [problem[:10] for problem in one_by_one] == numbers(3)


async def test_an_invoice_with_hashes_made_to_fit_is_found_by_its_number_and_by_the_one_after_it(
    invoicing: Invoicing, rating: FakeRating, postgres_cluster: Cluster
) -> None:
    stub = invoicing.stub()
    await three_months(stub, rating)
    edited = "convert_to(replace(convert_from(canonical_json, 'UTF8'), 'UA Inc', 'Nobody'), 'UTF8')"
    await as_superuser(
        invoicing,
        postgres_cluster,
        f"UPDATE invoice SET canonical_json = {edited}, digest = sha256({edited}),"  # noqa: S608
        f" chain = sha256(previous_chain || sha256({edited})) WHERE number = 'INV-000002'",
    )

    forged, following = [list((await invoice_check(stub, number)).problems) for number in numbers(3)[1:]]

    assert [problem[:10] for problem in forged] == ["INV-000002", "INV-000003"]
    assert following == ["INV-000003: it does not follow the invoice before it; one was changed, added or removed"]
    assert list((await invoice_check(stub, "INV-000001")).problems) == []


async def test_an_invoice_that_is_gone_shows_in_its_lines_and_in_its_neighbors(
    invoicing: Invoicing, rating: FakeRating, postgres_cluster: Cluster
) -> None:
    stub = invoicing.stub()
    await three_months(stub, rating)
    await as_superuser(invoicing, postgres_cluster, "DELETE FROM invoice WHERE number = 'INV-000002'")

    first, gone, third = [list((await invoice_check(stub, number)).problems) for number in numbers(3)]

    assert gone == ["INV-000002: it is gone, but rows of its lines are there"]
    assert (
        first
        == third
        == [
            "INV-000003: number 2 of its series is missing before it",
            "INV-000003: it does not follow the invoice before it; one was changed, added or removed",
        ]
    )
    await as_superuser(invoicing, postgres_cluster, "DELETE FROM invoice WHERE number = 'INV-000003'")
    assert list((await invoice_check(stub, "INV-000001")).problems) == [
        "series INV: it reached number 3, but ends with 1"
    ]
    unknown = await refusal(invoice_check(stub, "INV-000009"))
    assert unknown.reason is Reason.INVOICE_NOT_FOUND


async def test_numbers_that_are_noted_as_lost_are_no_gap(invoicing: Invoicing, rating: FakeRating) -> None:
    stub = invoicing.stub()
    contract = rating.contract()
    contract.use("2025-01", "1")
    await finalize(stub, "2025-01")
    await stub.StateLastNumber(pb.StateLastNumberRequest(number="INV-000004"))
    before = await invoice_check(stub, "INV-000001")

    after = await finalize(stub, "2025-02")

    assert after.number == "INV-000005"
    for checked in (before, await invoice_check(stub, "INV-000001"), await invoice_check(stub, after.number)):
        assert list(checked.problems) == []


# --- lines -----------------------------------------------------------------------------------------------------------


async def test_the_events_of_each_line_are_counted_again(invoicing: Invoicing, rating: FakeRating) -> None:
    stub = invoicing.stub()
    first, second, _ = await three_months(stub, rating)

    fee, usage = [await line_check(stub, line.id) for line in first.lines]
    adjustment = await line_check(stub, second.lines[2].id)

    assert [list(checked.problems) for checked in (fee, usage, adjustment)] == [[], [], []]
    assert [(checked.event_count, checked.quantity) for checked in (fee, usage, adjustment)] == [
        (0, "1"),
        (2, "3"),
        (1, "5"),
    ]
    assert fee.snapshot_digest == b""
    assert usage.snapshot_digest == hashlib.sha256(first.lines[1].snapshot_id.encode()).digest()
    assert not any(question.limit or question.HasField("after") for question in rating.questions("ListChargeEvents"))


async def test_an_adjustment_by_voids_is_as_sound_as_one_by_late_events(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    stub = invoicing.stub()
    contract = rating.contract()
    contract.use("2025-01", "1", "2", "4")
    await finalize(stub, "2025-01")
    contract.void("2025-01", "4")
    contract.void("2025-01", "2")
    contract.use("2025-01", "5")
    second = await finalize(stub, "2025-02")
    (adjustment,) = [line for line in second.lines if line.kind == invoice_pb2.LINE_KIND_ADJUSTMENT]

    checked = await line_check(stub, adjustment.id)

    assert (adjustment.quantity, adjustment.event_count) == ("-1", 0)
    assert (list(checked.problems), checked.event_count) == ([], 0)


async def test_a_line_whose_events_or_charge_are_not_what_it_says_has_a_problem(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    stub = invoicing.stub()
    first, *_ = await three_months(stub, rating)
    line_id = first.lines[1].id
    log = next(iter(rating.contracts.values())).logs["2025-01"]
    taken = log.pop(0)

    fewer = await line_check(stub, line_id)
    log.insert(0, taken)
    rating.refusals["ListChargeEvents"] = Diverged(Reason.LINEAGE_MISMATCH, "the events amount to 4, not 3")
    others = await line_check(stub, line_id)
    rating.refusals["ExplainCharge"] = NotFound(Reason.SNAPSHOT_NOT_FOUND, "there is no snapshot 'snap-1'")
    lost = await line_check(stub, line_id)

    assert list(fewer.problems) == [f"{line_id}: it says something else than the charge that it bills"]
    assert list(others.problems) == [f"{line_id}: its events are not proven: the events amount to 4, not 3"]
    assert list(lost.problems) == [f"{line_id}: its charge is not proven: there is no snapshot 'snap-1'"]
    assert (lost.event_count, lost.quantity) == (0, "")


async def test_a_neighbor_that_is_away_is_no_problem_of_the_line(invoicing: Invoicing, rating: FakeRating) -> None:
    stub = invoicing.stub()
    first, *_ = await three_months(stub, rating)
    rating.refusals["ExplainCharge"] = Unavailable(Reason.UNAVAILABLE, "gone for a moment")

    assert type(await refusal(line_check(stub, first.lines[1].id))) is Unavailable
    assert (await refusal(line_check(stub, "INV-000001.9"))).reason is Reason.LINE_NOT_FOUND
