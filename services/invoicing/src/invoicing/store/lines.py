"""The rows of billed lines and snapshots: what later adjustments build on."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import RowMapping, text

from eventlog.period import Period
from invoicing.domain.accounts import Account, filed_under
from invoicing.domain.document import LineKind
from invoicing.domain.lines import RECORD_FIELDS, BilledPeriod, LineRecord, record_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from invoicing.domain.charges import Rated
    from invoicing.domain.composition import Composition
    from invoicing.domain.document import InvoiceLine

CURRENCY_OF_INVOICE: Final = "COALESCE(currency, convert_from(canonical_json, 'UTF8')::jsonb ->> 'currency')"
"""The currency of a row of `invoice`; rows of old say it in their frozen text alone."""

_NAMED: Final = tuple("line_id" if name == "id" else name for name in RECORD_FIELDS)
# A fraction has two: see `_values`.
_COLUMNS: Final = (*_NAMED, "exact_divisor")
_RECORD: Final = ", ".join(_COLUMNS)
_ROW_COLUMNS: Final = ("tenant", "number", "ordinal", *_COLUMNS)
_ADD: Final = (
    f"INSERT INTO invoice_line ({', '.join(_ROW_COLUMNS)}) "  # noqa: S608 - a constant list of columns
    f"VALUES ({', '.join(f':{column}' for column in _ROW_COLUMNS)})"
)


class AlreadyBilledError(Exception):
    """Another transaction has just billed the same period, or adjusted it; roll back, read again and decide anew."""


async def billed_periods(conn: AsyncConnection, tenant: str, account: Account) -> tuple[BilledPeriod, ...]:
    """Return everything billed on an account: each period with its newest snapshot and all its lines, oldest first."""
    periods = text(
        f"""
        SELECT DISTINCT ON (snapshot.contract, snapshot.billing_period) snapshot.contract, snapshot.billing_period,
            revision, snapshot_id, period_start, period_end,
            array_agg(snapshot_id) OVER (PARTITION BY snapshot.contract, snapshot.billing_period ORDER BY revision)
                AS snapshot_ids
        FROM invoice JOIN billed_snapshot snapshot USING (tenant, contract, billing_period)
        WHERE tenant = :tenant AND customer = :customer AND {CURRENCY_OF_INVOICE} = :currency
        ORDER BY snapshot.contract, snapshot.billing_period, revision DESC
        """  # noqa: S608 - a constant expression
    )
    lines = text(
        f"SELECT {_RECORD} FROM invoice_line"  # noqa: S608 - a constant list of columns
        " WHERE tenant = :tenant AND contract = ANY(:contracts) ORDER BY contract, billing_period, revision"
    )
    parameters: dict[str, Any] = {"tenant": tenant, "customer": account.customer, "currency": account.currency}
    # In this order: a period billed in between then shows lines beyond its revision, whose next one is taken already.
    # The other way round a revision could be read without its lines, and they would be billed once more.
    period_rows = (await conn.execute(periods, parameters)).mappings().all()
    contracts = sorted({row["contract"] for row in period_rows})
    line_rows = (await conn.execute(lines, {"tenant": tenant, "contracts": contracts})).mappings().all()
    by_period: dict[tuple[str, str], list[LineRecord]] = {}
    for row in line_rows:
        by_period.setdefault((row["contract"], row["billing_period"]), []).append(_record(row))
    billed = (
        BilledPeriod(
            contract=row["contract"],
            billing_period=row["billing_period"],
            period=Period(row["period_start"], row["period_end"]),
            snapshot_id=row["snapshot_id"],
            revision=row["revision"],
            lines=tuple(by_period.get((row["contract"], row["billing_period"]), ())),
            earlier_snapshot_ids=tuple(row["snapshot_ids"][:-1]),
        )
        for row in period_rows
    )
    return tuple(sorted(billed, key=lambda period: (period.period.start, period.contract)))


async def claim_snapshots(conn: AsyncConnection, tenant: str, billed: Sequence[BilledPeriod], invoice: Rated) -> None:
    """Record which snapshots an invoice bills. Raises `AlreadyBilledError` if another one bills one too.

    Comes before the number is taken: who loses has then not stood in the queue of the series.
    """
    statement = text(
        """
        INSERT INTO billed_snapshot
            (tenant, contract, billing_period, revision, snapshot_id, period_start, period_end,
            invoice_contract, invoice_period)
        VALUES (:tenant, :contract, :billing_period, :revision, :snapshot_id, :period_start, :period_end,
            :invoice_contract, :invoice_period)
        ON CONFLICT (tenant, contract, billing_period, revision) DO NOTHING
        """
    )
    # One order for all transactions: two that amend the same periods wait for each other, and don't lock up.
    for period in sorted(billed, key=lambda period: (period.contract, period.billing_period, period.revision)):
        parameters = {
            "tenant": tenant,
            "contract": period.contract,
            "billing_period": period.billing_period,
            "revision": period.revision,
            "snapshot_id": period.snapshot_id,
            "period_start": period.period.start,
            "period_end": period.period.end,
            "invoice_contract": filed_under(invoice.contract, Account(invoice.customer, invoice.currency)),
            "invoice_period": invoice.billing_period,
        }
        if (await conn.execute(statement, parameters)).rowcount != 1:
            raise AlreadyBilledError(period.billing_period)


async def add_lines(
    conn: AsyncConnection, tenant: str, number: str, lines: Sequence[InvoiceLine], composition: Composition
) -> None:
    """Add the rows of an invoice's lines, issued from those of `composition`."""
    rows = [
        {
            "tenant": tenant,
            "number": number,
            "ordinal": ordinal,
            **_values(record_of(line, composition.rated.contract)),
        }
        for ordinal, line in enumerate(lines, start=1)
    ]
    if rows:
        await conn.execute(text(_ADD), rows)


async def number_of_line(conn: AsyncConnection, tenant: str, line_id: str) -> str | None:
    """Return the number of the invoice that holds a line."""
    query = text("SELECT number FROM invoice_line WHERE tenant = :tenant AND line_id = :line_id")
    number: str | None = (await conn.execute(query, {"tenant": tenant, "line_id": line_id})).scalar_one_or_none()
    return number


async def customer_of_line(conn: AsyncConnection, tenant: str, line_id: str) -> str | None:
    """Return whose the invoice is that holds a line."""
    query = text(
        """
        SELECT customer FROM invoice_line JOIN invoice USING (tenant, number)
        WHERE tenant = :tenant AND line_id = :line_id
        """
    )
    customer: str | None = (await conn.execute(query, {"tenant": tenant, "line_id": line_id})).scalar_one_or_none()
    return customer


async def billed_before_line(conn: AsyncConnection, tenant: str, line_id: str) -> tuple[LineRecord, ...]:
    """Return the lines that billed the same item and period before a line did, oldest first: what it adjusts."""
    columns = ", ".join(f"earlier.{column}" for column in _COLUMNS)
    query = text(
        f"""
        SELECT {columns}
        FROM invoice_line line JOIN invoice_line earlier ON earlier.tenant = line.tenant
            AND earlier.contract = line.contract AND earlier.billing_period = line.billing_period
            AND earlier.item = line.item AND earlier.revision < line.revision
        WHERE line.tenant = :tenant AND line.line_id = :line_id ORDER BY earlier.revision
        """  # noqa: S608 - a constant list of columns
    )
    rows = (await conn.execute(query, {"tenant": tenant, "line_id": line_id})).mappings()
    return tuple(_record(row) for row in rows)


async def records_of_invoices(
    conn: AsyncConnection, tenant: str, numbers: Sequence[str]
) -> dict[str, list[LineRecord]]:
    """Return the rows of the lines of some invoices, by number and in order."""
    query = text(
        f"SELECT number, {_RECORD} FROM invoice_line"  # noqa: S608 - a constant list of columns
        " WHERE tenant = :tenant AND number = ANY(:numbers) ORDER BY number, ordinal"
    )
    records: dict[str, list[LineRecord]] = {}
    for row in (await conn.execute(query, {"tenant": tenant, "numbers": list(numbers)})).mappings():
        records.setdefault(row["number"], []).append(_record(row))
    return records


def _values(record: LineRecord) -> dict[str, Any]:
    values = {column: getattr(record, name) for column, name in zip(_NAMED, RECORD_FIELDS, strict=True)}
    exact = record.exact_amount
    return {
        **values,
        "kind": record.kind.value,
        "adjusts_line_id": record.adjusts_line_id or None,
        "exact_amount": Decimal(exact.numerator) if isinstance(exact, Fraction) else exact,
        "exact_divisor": Decimal(exact.denominator) if isinstance(exact, Fraction) else None,
    }


def _record(row: RowMapping) -> LineRecord:
    values = {name: row[column] for column, name in zip(_NAMED, RECORD_FIELDS, strict=True)}
    if row["exact_divisor"] is not None:
        # Not brought to its lowest terms: a row that was changed differs from the text.
        values["exact_amount"] = Fraction(int(row["exact_amount"]), int(row["exact_divisor"]))
    return LineRecord(**{**values, "kind": LineKind(row["kind"]), "adjusts_line_id": row["adjusts_line_id"] or ""})
