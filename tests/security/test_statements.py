"""Every SQL statement about tenants' data asks for a tenant, or for what only a tenant's own rows lead to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg
import pytest

import tidy
from meterline.suite.services import SERVICES
from testkit.postgres import DatabaseMaker

SOURCES: Final = [
    *(path for service in SERVICES for path in (tidy.ROOT / "services" / service.name / "src").rglob("*.py")),
    *(tidy.ROOT / "libs" / "eventlog" / "src").rglob("*.py"),
    *(tidy.ROOT / "libs" / "chassis" / "src").rglob("*.py"),
]
# Numbers that belong to one tenant each, given out with a row that names it.
NUMBERS: Final = ("meter_id", "fill_id", "backlog_id", "source_id", "flush_id")
# Tables that hold nothing of tenants: places in a log, versions of schemas and catalogs.
OF_NOBODY: Final = {
    "alembic_version", "catalog_version", "feed_checkpoint", "feed_epoch", "feed_epoch_lane", "feed_follower",
    "feed_lease", "lane_head", "number_hold", "reconciling_turn",
}  # fmt: skip
# Read and written by `rating.store.versions` alone, into whose statements their names are put.
NAME_PUT_IN: Final = {"coupon", "customer", "plan", "product"}

EVERY_TENANT: Final = "work in the background, which goes through all tenants and answers nobody"
BY_NUMBER: Final = "by the number that the list of all tenants gave"
OPERATOR: Final = "a command of the operator, who may read all of the database"
FEED: Final = "the feed holds all tenants; only services of the suite may read it"
PLACE: Final = "by a place in the log, which a key or a segment of the tenant gave"
FRESHNESS: Final = "how far the log is counted for all tenants, which tells nothing of any"
BY_SECRET: Final = "by a secret of 256 bits, which alone says whose session it is"
JOINED: Final = "its columns, and among them the tenant, are put together beside it"
EXCEPTIONS: Final[Mapping[str, str]] = {
    "aggregator.store.anew.doubtful_snapshots": OPERATOR,
    "aggregator.store.anew.drop_derived": OPERATOR,
    "aggregator.store.backlogs.backlog_ids": EVERY_TENANT,
    "aggregator.store.backlogs.share_backlog": BY_NUMBER,
    "aggregator.store.current._FILLING": EVERY_TENANT,
    "aggregator.store.current._SINCE": EVERY_TENANT,
    "aggregator.store.fills.is_any_open": FRESHNESS,
    "aggregator.store.fills.open_fills": EVERY_TENANT,
    "aggregator.store.fills.share_fill": BY_NUMBER,
    "aggregator.store.meters.all_versions": EVERY_TENANT,
    "aggregator.store.progress.slowest_as_of": FRESHNESS,
    "aggregator.store.reconciled.difference": "a number for a metric: how many events differ, over all tenants",
    "aggregator.store.reconciled.reconciled_meters": EVERY_TENANT,
    "aggregator.store.schemas.all_versions": EVERY_TENANT,
    "aggregator.store.windows.extents._NOTED": "by pages that were found by their meter",
    "aggregator.store.windows.merging._PAGES": EVERY_TENANT,
    "aggregator.store.windows.merging._PAYLOADS": EVERY_TENANT,
    "aggregator.store.windows.pages.remove_pages": "by pages that were found by their meter",
    "chassis.migrations._grant": "it gives rights to tables and reads no row",
    "eventlog.log.reader._PAGE": FEED,
    "eventlog.log.reader._chain_at": FEED,
    "eventlog.log.stored._check_continued": PLACE,
    "eventlog.log.stored.read_proven": PLACE,
    "ingest.store.copies.blocks_by_id": "by blocks that were found by their tenant",
    "ingest.store.copies.lanes_behind": EVERY_TENANT,
    "ingest.store.corrections.voided_among": "whether anything was ever corrected, of whomever; by key only then",
    "ingest.store.backfills.lock_open_backfills": "by the id under which the tenant's own backfill was found",
    "ingest.store.corrections.taken_back": PLACE,
    "ingest.store.completeness.forget_heard_before": EVERY_TENANT,
    "ingest.store.refusals.forget_before": EVERY_TENANT,
    "ingest.store.segments.first_position_of_segment_at": PLACE,
    "invoicing.store.audits.tenants": EVERY_TENANT,
    "invoicing.store.lines._ADD": JOINED,
    "portal.store.profiles.is_allowed_origin": "a preflight names no tenant: it is told of an origin, and nothing else",
    "portal.store.sessions.forget_sessions": EVERY_TENANT,
    "portal.store.sessions.lock_session_with_code": BY_SECRET,
    "portal.store.sessions.session_with_secret": BY_SECRET,
    "rating.store.unbilled.forget_tenants": OPERATOR,
    "rating.store.unbilled.usage_tenants": EVERY_TENANT,
    "rating.store.versions.VersionTable.add_all": JOINED,
    "rating.store.versions.VersionTable.page": JOINED,
}

_TABLE: Final = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+|\{)")
_ASKS_FOR_TENANT: Final = re.compile(
    r"\btenant\s*=\s*(?::|\$|\w)|\bUSING \(tenant\b|VALUES \(:tenant\b"
    r"|\bINSERT INTO \w+(?: AS \w+)?\s*\([^)]*\btenant\b"
)
_ASKS_FOR_NUMBER: Final = re.compile(
    rf"\b(?:{'|'.join(NUMBERS)})\s*(?:=|IN\b)|\bUSING \((?:{'|'.join(NUMBERS)})"
    r"|\bINSERT INTO \w+(?: AS \w+)?\s*\([^)]*_id\b"
)


@dataclass(frozen=True)
class Statement:
    """Text of SQL in our source, with the function or constant that holds it; `{` where something is put in."""

    place: str
    text: str

    @property
    def tables(self) -> set[str]:
        """The tables that it names; `{` for one that is put in."""
        return set(_TABLE.findall(self.text))


class _Reader(ast.NodeVisitor):
    """Collects the statements of one module; constants that are put into others are read there, not by themselves."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.found: list[Statement] = []
        self._at = [module]
        self._constants: dict[str, str] = {}
        self._parts = {name for node in ast.walk(tree) if (name := _put_in(node)) is not None}
        self.visit(tree)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self._within(node.name, node)

    visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign | ast.Assign) -> None:
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        text = None if node.value is None else self._text(node.value)
        if len(self._at) > 1 or not isinstance(target, ast.Name) or text is None:
            self.generic_visit(node)
            return
        self._constants[target.id] = text
        if target.id not in self._parts:
            self.found.append(Statement(f"{self._at[0]}.{target.id}", text))

    visit_Assign = visit_AnnAssign  # noqa: N815

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # which would be a docstring
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant | ast.JoinedStr) -> None:
        text = self._text(node)
        if text is not None:
            self.found.append(Statement(".".join(self._at), text))

    visit_JoinedStr = visit_Constant  # noqa: N815

    def _within(self, name: str, node: ast.AST) -> None:
        self._at.append(name)
        self.generic_visit(node)
        self._at.pop()

    def _text(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.JoinedStr):
            return "".join(self._text(part) or "{}" for part in node.values)
        name = _put_in(node)
        return None if name is None else self._constants.get(name)


def _put_in(node: ast.AST) -> str | None:
    """Name of what an f-string puts in here."""
    return node.value.id if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name) else None


def statements() -> Iterator[Statement]:
    for path in SOURCES:
        if "migrations" in path.parts or path.name == "tables.py":
            continue
        parts = path.relative_to(tidy.ROOT).with_suffix("").parts
        module = ".".join(parts[parts.index("src") + 1 :])
        yield from _Reader(module, ast.parse(path.read_text(encoding="utf-8"))).found


async def tables_of(fresh_database: DatabaseMaker) -> dict[str, bool]:
    """The tables of all services, and whether their rows name a tenant."""
    found: dict[str, bool] = {}
    for service in SERVICES:
        database = await fresh_database(service.package or service.name)
        connection = await asyncpg.connect(database.owner_dsn)
        rows = await connection.fetch(
            "SELECT c.table_name, bool_or(c.column_name = 'tenant') AS names_tenant "
            "FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name) "
            "WHERE table_schema = 'public' AND t.table_type = 'BASE TABLE' GROUP BY c.table_name"
        )
        await connection.close()
        found |= {row["table_name"]: row["names_tenant"] for row in rows}
    return found


@pytest.fixture(scope="module")
def all_statements() -> list[Statement]:
    return list(statements())


async def test_every_statement_about_tenants_asks_for_one(
    fresh_database: DatabaseMaker, all_statements: list[Statement]
) -> None:
    tables = await tables_of(fresh_database)
    of_tenants = tables.keys() - OF_NOBODY

    unasked = {statement.place: statement.text for statement in all_statements if _is_unasked(statement, tables)}

    assert tables.keys() >= OF_NOBODY
    assert {name for one in all_statements for name in one.tables} >= of_tenants - NAME_PUT_IN
    assert {place: text for place, text in unasked.items() if place not in EXCEPTIONS} == {}
    assert EXCEPTIONS.keys() - unasked.keys() == set(), "they ask for a tenant now, or are gone"


def _is_unasked(statement: Statement, tables: Mapping[str, bool]) -> bool:
    named = statement.tables & (tables.keys() - OF_NOBODY)
    if any(tables[table] for table in named):
        return not _ASKS_FOR_TENANT.search(statement.text)
    if named or "{" in statement.tables:
        return not (_ASKS_FOR_NUMBER.search(statement.text) or _ASKS_FOR_TENANT.search(statement.text))
    return False
