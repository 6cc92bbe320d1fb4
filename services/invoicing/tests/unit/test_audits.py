"""Whatever is done to frozen invoices, the check sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from invoicing.domain.audits import PROBLEMS_MAX, Audit, Problem, ProblemCode
from invoicing.domain.charges import Charge, Rated
from invoicing.domain.composition import compose
from invoicing.domain.document import LineKind
from invoicing.domain.invoices import GENESIS_CHAIN, FrozenInvoice, Place, SeriesState, chain_of, digest_of
from invoicing.domain.invoices import freeze as freeze_invoice
from invoicing.domain.lines import LineRecord
from invoicing.domain.numbering import invoice_number, is_draft_line_id, is_line_id, line_id
from invoicing.wire.audits import audit_to_proto, sentence_of

ChargeMaker = Callable[..., Charge]
RatedMaker = Callable[..., Rated]
Stored = tuple[FrozenInvoice, tuple[LineRecord, ...]]

ROW = LineRecord(
    id="INV-000001.1",
    kind=LineKind.USAGE,
    item="Calls",
    quantity=Decimal(3),
    amount=Decimal("1.01"),
    exact_amount=Decimal("1.005"),
    billing_period="2025-01",
    plan="standard",
    plan_version=1,
    charge_id="chg-Calls-3",
    snapshot_id="snap-1",
    event_count=3,
    traceparent="00-trace",
    contract="C-1",
)


def freeze(rated: Rated, sequence: int, previous: bytes, prefix: str = "INV") -> Stored:
    place = Place(prefix, sequence, previous)
    composition = compose(rated, [], "Seller")
    lines = [
        replace(part.line, id=line_id(place.number, n), traceparent="00-trace")
        for n, part in enumerate(composition.lines, start=1)
    ]
    invoice = freeze_invoice(composition.content(lines, datetime(2025, 2, 1, tzinfo=UTC)), place)
    return invoice, (replace(ROW, id=line_id(place.number, 1)),)


def codes(audit: Audit) -> list[tuple[str, ProblemCode]]:
    return [(problem.subject, problem.code) for problem in audit.problems]


@pytest.fixture
def series(charge: ChargeMaker, rated: RatedMaker) -> list[Stored]:
    """Three invoices of one series, as they were frozen."""
    stored: list[Stored] = []
    for sequence in (1, 2, 3):
        previous = stored[-1][0].chain if stored else GENESIS_CHAIN
        stored.append(freeze(rated(charge()), sequence, previous))
    return stored


def audited(stored: Sequence[Stored], claimed: SeriesState | None = None) -> Audit:
    last = stored[-1][0]
    audit = Audit({"INV": [claimed or SeriesState(last.sequence, last.chain)]})
    for invoice, lines in stored:
        audit.check(invoice, lines)
    audit.finish()
    return audit


def test_a_series_as_it_was_frozen_has_no_problem(series: list[Stored]) -> None:
    audit = audited(series)

    assert (audit.invoice_count, audit.problems) == (3, [])
    assert audit.head_chain == series[-1][0].chain


def test_no_invoice_at_all_is_fine() -> None:
    audit = Audit({})
    audit.finish()

    assert (audit.invoice_count, audit.problems, audit.head_chain) == (0, [], GENESIS_CHAIN)


def test_a_changed_text_is_found(series: list[Stored]) -> None:
    invoice, lines = series[1]
    changed = replace(invoice, canonical_json=invoice.canonical_json.replace(b'"1.01"', b'"0.01"'))

    problems = codes(audited([series[0], (changed, lines), series[2]]))

    assert problems == [
        ("INV-000002", ProblemCode.CONTENT_CHANGED),
        ("INV-000002", ProblemCode.LINES_DIFFER),
    ]


def test_a_changed_text_with_new_hashes_breaks_the_chain_at_the_next_one(series: list[Stored]) -> None:
    invoice, lines = series[1]
    text = invoice.canonical_json.replace(b'"United Air Lines"', b'"Nobody"')
    digest = digest_of(text)
    forged = replace(invoice, canonical_json=text, digest=digest, chain=chain_of(invoice.previous_chain, digest))

    problems = codes(audited([series[0], (forged, lines), series[2]]))

    assert problems == [("INV-000003", ProblemCode.CHAIN_BROKEN)]


def test_the_last_one_forged_with_new_hashes_is_not_what_its_series_ended_with(series: list[Stored]) -> None:
    invoice, lines = series[2]
    text = invoice.canonical_json.replace(b'"United Air Lines"', b'"Nobody"')
    digest = digest_of(text)
    forged = replace(invoice, canonical_json=text, digest=digest, chain=chain_of(invoice.previous_chain, digest))

    problems = codes(audited([*series[:2], (forged, lines)], SeriesState(3, invoice.chain)))

    assert problems == [("INV-000003", ProblemCode.HEAD_DIFFERS)]


def test_a_missing_one_is_found_in_the_middle_and_at_the_end(series: list[Stored]) -> None:
    head = SeriesState(3, series[2][0].chain)

    assert codes(audited([series[0], series[2]], head)) == [
        ("INV-000003", ProblemCode.NUMBER_MISSING),
        ("INV-000003", ProblemCode.CHAIN_BROKEN),
    ]
    assert codes(audited(series[:2], head)) == [("INV", ProblemCode.SERIES_SHORT)]


def test_a_tail_cut_off_together_with_its_series_row_shows_by_the_head_kept_elsewhere(series: list[Stored]) -> None:
    kept_elsewhere = audited(series).head_chain

    cut = audited(series[:2])

    assert cut.problems == []
    assert cut.head_chain != kept_elsewhere


@pytest.mark.parametrize(
    ("column", "value"), [("customer", "DL"), ("filed_under", "C-2"), ("billing_period", "2025-02"), ("number", "X-1")]
)
def test_a_column_that_hides_an_invoice_is_found(series: list[Stored], column: str, value: str) -> None:
    invoice, lines = series[2]
    filed = replace(invoice, **{column: value})  # type: ignore[arg-type]

    (problem,) = audited([*series[:2], (filed, lines)]).problems
    assert problem.code is ProblemCode.FILED_ELSEWHERE


@pytest.mark.parametrize("rows", [(), (replace(ROW, amount=Decimal("0.01")),), (ROW, ROW)])
def test_rows_that_would_bend_later_adjustments_are_found(series: list[Stored], rows: tuple[LineRecord, ...]) -> None:
    (first, _), *rest = series

    assert codes(audited([(first, rows), *rest])) == [("INV-000001", ProblemCode.LINES_DIFFER)]


def test_a_document_from_before_lines_said_their_revision_fits_rows_that_always_did(series: list[Stored]) -> None:
    numbered = [(invoice, tuple(replace(row, revision=1) for row in rows)) for invoice, rows in series]

    assert b"revision" not in series[0][0].canonical_json
    assert audited(numbered).problems == []


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"lines":1}', b"\xff", b"null"])
def test_a_text_that_is_no_invoice_is_a_problem_not_a_crash(series: list[Stored], text: bytes) -> None:
    invoice, lines = series[0]

    problems = codes(audited([(replace(invoice, canonical_json=text), lines), *series[1:]]))

    assert ("INV-000001", ProblemCode.CONTENT_UNREADABLE) in problems


def test_several_series_have_one_head_that_moves_with_each(
    series: list[Stored], charge: ChargeMaker, rated: RatedMaker
) -> None:
    other = freeze(rated(charge()), 1, GENESIS_CHAIN, prefix="R")
    audit = Audit({})
    for invoice, lines in (*series, other):
        audit.check(invoice, lines)
    audit.finish()

    assert (audit.invoice_count, audit.problems) == (4, [])
    assert audit.head_chain not in {series[-1][0].chain, other[0].chain}


def test_the_list_of_problems_is_bounded_and_says_so(series: list[Stored]) -> None:
    audit = Audit({})
    for _ in range(PROBLEMS_MAX):
        audit.check(*series[2])
    audit.finish()

    assert audit.problem_count > PROBLEMS_MAX
    assert len(audit.problems) == PROBLEMS_MAX
    assert audit_to_proto(audit).problems[-1] == f"and {audit.problem_count - PROBLEMS_MAX} more problems"


@pytest.mark.parametrize("code", ProblemCode)
def test_every_problem_has_a_sentence_that_names_what_it_is_about(code: ProblemCode) -> None:
    sentence = sentence_of(Problem(code, "INV-000017", expected=5, found=3))

    assert "INV-000017: " in sentence
    assert "{" not in sentence


def test_numbers_and_line_ids() -> None:
    assert invoice_number("INV", 17) == "INV-000017"
    assert invoice_number("INV", 12_345_678) == "INV-12345678"
    assert line_id("INV-000017", 3) == "INV-000017.3"


@pytest.mark.parametrize("text", ["INV-000017", "INV-000017.0", "INV-000017.", "INV-000017.٣", "inv-000017.1", "", "."])
def test_other_texts_are_no_line_ids(text: str) -> None:
    assert is_line_id("INV-000017.1")
    assert not is_line_id(text)


def test_a_line_of_a_draft_is_told_apart() -> None:
    assert is_draft_line_id("draft.3")
    assert not is_draft_line_id("INV-000017.1")


def test_decimals_are_compared_by_value(series: list[Stored]) -> None:
    invoice, (row,) = series[0]
    same = replace(row, amount=Decimal("1.0100"), exact_amount=Decimal("1.00500"))

    assert audited([(invoice, (same,)), *series[1:]]).problems == []
