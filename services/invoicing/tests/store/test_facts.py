"""What is frozen stays: by grant, by trigger, and by a check that sees what a superuser did all the same."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.postgres import transaction
from invoicing.domain.audits import ProblemCode
from invoicing.domain.charges import Charge, Rated
from invoicing.domain.invoices import FrozenInvoice
from invoicing.loops import Verifier
from invoicing.migrations import FACT_TABLES
from invoicing.operations import audits
from invoicing.operations.deps import Deps

ChargeMaker = Callable[..., Charge]
RatedMaker = Callable[..., Rated]
Bill = Callable[..., Awaitable[FrozenInvoice]]
Database = Any

VERBS = ("UPDATE", "DELETE", "TRUNCATE")
CHANGES = [
    statement
    for table in FACT_TABLES
    for statement in (f"UPDATE {table} SET tenant = tenant", f"DELETE FROM {table}", f"TRUNCATE {table}")  # noqa: S608
]


@pytest.fixture
async def three(bill: Bill, charge: ChargeMaker, fee: ChargeMaker, rated: RatedMaker) -> list[FrozenInvoice]:
    """Three invoices of one contract."""
    return [
        await bill(rated(fee(), charge(), billing_period=f"2025-{month:02d}", snapshot_id=f"snap-{month}"))
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
    ]


async def test_a_tail_that_was_cut_off_is_found(database: Database, three: list[FrozenInvoice], deps: Deps) -> None:
    await as_superuser(database, "DELETE FROM invoice WHERE number >= 'INV-000002'")

    assert await problems(deps) == [("INV", ProblemCode.SERIES_SHORT)]


async def test_a_tail_cut_off_with_its_traces_shows_by_the_head_that_was_kept_elsewhere(
    database: Database, three: list[FrozenInvoice], deps: Deps
) -> None:
    kept_elsewhere = (await audits.verify_invoices(deps, "acme")).head_chain
    await as_superuser(
        database,
        "DELETE FROM invoice WHERE number = 'INV-000003'",
        "UPDATE invoice_series SET last_sequence = 2, chain = (SELECT chain FROM invoice WHERE number = 'INV-000002')",
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
