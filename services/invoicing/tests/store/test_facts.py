"""What is frozen stays: by grant, by trigger, and by a check that sees what a superuser did all the same."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.errors import Diverged, Reason
from chassis.postgres import transaction
from invoicing.domain.audits import Problem, ProblemCode
from invoicing.domain.charges import Charge, Rated
from invoicing.domain.composition import compose
from invoicing.domain.invoices import FrozenInvoice, InvoiceFilter, ListPlace
from invoicing.domain.lines import BilledPeriod
from invoicing.domain.profiles import BillingProfile
from invoicing.loops import Verifier
from invoicing.migrations import FACT_TABLES
from invoicing.operations import audits, invoices
from invoicing.operations.deps import Deps
from invoicing.operations.issuing import issue
from invoicing.store import profiles

ChargeMaker = Callable[..., Charge]
RatedMaker = Callable[..., Rated]
Bill = Callable[..., Awaitable[FrozenInvoice]]
Database = Any

VERBS = ("UPDATE", "DELETE", "TRUNCATE")
CHANGES = [
    statement
    for table in FACT_TABLES
    for column in ("number" if table == "number_hold" else "tenant",)
    for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table}")  # noqa: S608
]


@pytest.fixture
async def three(bill: Bill, charge: ChargeMaker, fee: ChargeMaker, rated: RatedMaker) -> list[FrozenInvoice]:
    """Three invoices of one contract."""
    return [
        await bill(
            rated(
                fee(),
                replace(charge(), snapshot_id=f"snap-{month}"),
                billing_period=f"2025-{month:02d}",
                snapshot_id=f"snap-{month}",
            )
        )
        for month in (1, 2, 3)
    ]


async def problems(deps: Deps) -> list[tuple[str, ProblemCode]]:
    return [(found.subject, found.code) for found in (await audits.verify_invoices(deps, "acme")).problems]


async def as_superuser(database: Database, *statements: str) -> None:
    """Do what no role of ours may: change rows with the triggers switched off."""
    async with transaction(database.superuser) as conn:
        await conn.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            assert (await conn.execute(text(statement))).rowcount > 0


# --- grants and triggers ---------------------------------------------------------------------------------------------


async def refusals(engine: AsyncEngine) -> set[str]:
    """Try every change and give what Postgres said, without the table's name."""
    said = set()
    for statement in CHANGES:
        with pytest.raises(DBAPIError) as refused:
            await changed(engine, statement)
        said.update(re.findall(r"permission denied for table|facts are never changed: \w+", str(refused.value)))
    return said


async def changed(engine: AsyncEngine, statement: str) -> None:
    async with transaction(engine) as conn:
        await conn.execute(text(statement))


async def test_the_service_itself_is_not_allowed_to_change_a_fact(
    database: Database, three: list[FrozenInvoice]
) -> None:
    assert await refusals(database.app) == {"permission denied for table"}


async def test_even_the_owner_of_the_schema_is_stopped_by_a_trigger(
    database: Database, three: list[FrozenInvoice]
) -> None:
    assert await refusals(database.owner) == {f"facts are never changed: {verb}" for verb in VERBS}


async def test_a_text_and_its_hashes_can_not_even_be_added_apart(database: Database) -> None:
    insert = text(
        "INSERT INTO invoice (tenant, number, prefix, sequence, contract, billing_period, customer, finalized_at,"
        " canonical_json, digest, previous_chain, chain) VALUES ('acme', 'INV-1', 'INV', 1, 'C', '2025-01', 'UA',"
        " now(), 'x', sha256('y'), sha256(''), sha256(sha256('') || sha256('y')))"
    )

    with pytest.raises(DBAPIError, match="invoice_check"):
        async with transaction(database.app) as conn:
            await conn.execute(insert)


# --- the check -------------------------------------------------------------------------------------------------------


async def test_what_was_frozen_and_left_alone_has_no_problem(three: list[FrozenInvoice], deps: Deps) -> None:
    audit = await audits.verify_invoices(deps, "acme")

    assert (audit.invoice_count, audit.problems, audit.head_chain) == (3, [], three[2].chain)


async def test_an_edited_text_with_its_hashes_made_to_fit_is_found(
    database: Database, three: list[FrozenInvoice], deps: Deps
) -> None:
    edited = "convert_to(replace(convert_from(canonical_json, 'UTF8'), '\"1.01\"', '\"0.01\"'), 'UTF8')"
    await as_superuser(
        database,
        f"UPDATE invoice SET canonical_json = {edited}, digest = sha256({edited}),"  # noqa: S608
        f" chain = sha256(previous_chain || sha256({edited})) WHERE number = 'INV-000002'",
    )

    assert await problems(deps) == [
        ("INV-000002", ProblemCode.LINES_DIFFER),
        ("INV-000003", ProblemCode.CHAIN_BROKEN),
    ]


async def test_a_removed_invoice_is_found(database: Database, three: list[FrozenInvoice], deps: Deps) -> None:
    await as_superuser(database, "DELETE FROM invoice WHERE number = 'INV-000002'")

    assert await problems(deps) == [
        ("INV-000003", ProblemCode.NUMBER_MISSING),
        ("INV-000003", ProblemCode.CHAIN_BROKEN),
        ("INV-000002", ProblemCode.INVOICE_MISSING),
    ]


async def test_a_tail_that_was_cut_off_is_found(database: Database, three: list[FrozenInvoice], deps: Deps) -> None:
    await as_superuser(database, "DELETE FROM invoice WHERE number >= 'INV-000002'")

    assert await problems(deps) == [
        ("INV-000002", ProblemCode.INVOICE_MISSING),
        ("INV-000003", ProblemCode.INVOICE_MISSING),
        ("INV", ProblemCode.SERIES_SHORT),
    ]


async def test_a_series_that_was_deleted_is_found_by_the_rows_of_its_lines(
    database: Database, three: list[FrozenInvoice], deps: Deps
) -> None:
    await as_superuser(database, "DELETE FROM invoice", "DELETE FROM invoice_series", "DELETE FROM issued_number")

    assert await problems(deps) == [(invoice.number, ProblemCode.INVOICE_MISSING) for invoice in three]


async def test_a_series_that_was_deleted_with_its_lines_is_found_by_the_numbers_it_gave(
    database: Database, three: list[FrozenInvoice], deps: Deps
) -> None:
    await as_superuser(database, "DELETE FROM invoice", "DELETE FROM invoice_line", "DELETE FROM invoice_series")

    audit = await audits.verify_invoices(deps, "acme")
    assert audit.problems == [Problem(ProblemCode.SERIES_SHORT, "INV", expected=3, found=0)]
    assert await audits.list_tenants(deps) == ["acme"]


PUT_BACK = (
    "UPDATE invoice_series SET last_sequence = 2, chain = (SELECT chain FROM invoice WHERE number = 'INV-000002')"
)


async def test_a_tail_cut_off_with_its_lines_and_its_series_put_back_is_found_and_its_number_not_given_again(
    database: Database, three: list[FrozenInvoice], bill: Bill, charge: ChargeMaker, rated: RatedMaker, deps: Deps
) -> None:
    await as_superuser(
        database,
        "DELETE FROM invoice WHERE number = 'INV-000003'",
        "DELETE FROM invoice_line WHERE number = 'INV-000003'",
        PUT_BACK,
    )

    audit = await audits.verify_invoices(deps, "acme")
    assert audit.problems == [Problem(ProblemCode.SERIES_SHORT, "INV", expected=3, found=2)]
    with pytest.raises(Diverged, match=r"given numbers after 2.*runbook data-corrupted") as refused:
        await bill(rated(charge(), billing_period="2025-04", snapshot_id="snap-4"))
    assert refused.value.reason is Reason.DATA_CORRUPTED


async def test_the_last_invoice_forged_with_its_hashes_and_its_series_is_found_by_the_number_it_was_given(
    database: Database, three: list[FrozenInvoice], deps: Deps
) -> None:
    edited = "convert_to(replace(convert_from(canonical_json, 'UTF8'), '\"United Air Lines\"', '\"Nobody\"'), 'UTF8')"
    await as_superuser(
        database,
        f"UPDATE invoice SET canonical_json = {edited}, digest = sha256({edited}),"  # noqa: S608
        f" chain = sha256(previous_chain || sha256({edited})) WHERE number = 'INV-000003'",
        "UPDATE invoice_series SET chain = (SELECT chain FROM invoice WHERE number = 'INV-000003')",
    )

    assert await problems(deps) == [("INV-000003", ProblemCode.HEAD_DIFFERS)]


async def test_the_revision_of_a_line_is_covered_by_its_invoice(
    database: Database, three: list[FrozenInvoice], deps: Deps
) -> None:
    assert [line.revision for line in three[0].content().lines] == [1] * len(three[0].content().lines)
    await as_superuser(database, "UPDATE invoice_line SET revision = 7 WHERE line_id = 'INV-000001.1'")

    assert await problems(deps) == [("INV-000001", ProblemCode.LINES_DIFFER)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE billed_snapshot SET snapshot_id = 'snap-7' WHERE billing_period = '2025-01'",
        "UPDATE billed_snapshot SET revision = 7 WHERE billing_period = '2025-01'",
        "DELETE FROM billed_snapshot WHERE billing_period = '2025-01'",
    ],
)
async def test_another_snapshot_from_which_the_next_adjustment_would_begin_is_found(
    database: Database, three: list[FrozenInvoice], deps: Deps, change: str
) -> None:
    await as_superuser(database, change)

    assert await problems(deps) == [("INV-000001", ProblemCode.SNAPSHOT_DIFFERS)]


async def test_the_billing_profile_is_covered_by_the_invoices_made_by_it(
    database: Database, charge: ChargeMaker, rated: RatedMaker, deps: Deps
) -> None:
    profile = BillingProfile(1, "acme", "INV", timedelta(hours=1), datetime(2025, 1, 1, tzinfo=UTC))
    async with transaction(database.app) as conn:
        await profiles.add_profile(conn, "acme", profile)
        own = BilledPeriod("C-1", "2025-01", rated().period, "snap-1", revision=1)
        invoice = await issue(deps, conn, "acme", compose(rated(charge()), (), profile.seller), [own], profile)
    assert (invoice.content().profile_version, invoice.content().grace_s) == (1, 3600)
    assert await problems(deps) == []

    await as_superuser(database, "UPDATE billing_profile SET grace_s = 0")

    assert await problems(deps) == [(invoice.number, ProblemCode.PROFILE_DIFFERS)]


async def test_a_changed_invoice_is_not_shown(database: Database, three: list[FrozenInvoice], deps: Deps) -> None:
    await as_superuser(database, "UPDATE invoice SET customer = 'DL' WHERE number = 'INV-000003'")

    with pytest.raises(Diverged) as refused:
        await invoices.get_invoice(deps, "acme", "INV-000003")
    with pytest.raises(Diverged):
        await invoices.list_invoices(deps, "acme", InvoiceFilter(), ListPlace(), 10)

    assert refused.value.reason is Reason.DATA_CORRUPTED
    assert (await invoices.get_invoice(deps, "acme", "INV-000001")) == three[0]


async def test_a_tail_cut_off_with_its_traces_shows_by_the_head_that_was_kept_elsewhere(
    database: Database, three: list[FrozenInvoice], deps: Deps
) -> None:
    kept_elsewhere = (await audits.verify_invoices(deps, "acme")).head_chain
    await as_superuser(
        database,
        "DELETE FROM invoice WHERE number = 'INV-000003'",
        "DELETE FROM invoice_line WHERE number = 'INV-000003'",
        "DELETE FROM issued_number WHERE sequence = 3",
        PUT_BACK,
    )

    audit = await audits.verify_invoices(deps, "acme")

    assert audit.problems == []
    assert audit.head_chain == three[1].chain != kept_elsewhere


async def test_an_edited_row_of_a_line_which_would_bend_the_next_adjustment_is_found(
    database: Database, three: list[FrozenInvoice], deps: Deps
) -> None:
    await as_superuser(database, "UPDATE invoice_line SET amount = 0 WHERE line_id = 'INV-000001.2'")

    assert await problems(deps) == [("INV-000001", ProblemCode.LINES_DIFFER)]


async def test_an_invoice_moved_to_another_customer_is_found(
    database: Database, three: list[FrozenInvoice], deps: Deps
) -> None:
    await as_superuser(database, "UPDATE invoice SET customer = 'DL' WHERE number = 'INV-000003'")

    assert await problems(deps) == [("INV-000003", ProblemCode.FILED_ELSEWHERE)]


async def test_the_check_in_the_background_covers_every_tenant(
    database: Database,
    bill: Bill,
    charge: ChargeMaker,
    rated: RatedMaker,
    deps: Deps,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await bill(rated(charge()), tenant="acme")
    await bill(rated(charge()), tenant="globex")
    await as_superuser(database, "UPDATE invoice SET customer = 'DL' WHERE tenant = 'globex'")

    await Verifier(deps, 3600).check_all()

    assert await audits.list_tenants(deps) == ["acme", "globex"]
    logged = capsys.readouterr().out + caplog.text
    assert "frozen invoices are not as they were" in logged
    assert "globex" in logged
