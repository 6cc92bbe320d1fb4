"""The frozen text has one form, and anybody can recompute its hashes with a JSON library and SHA-256."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from invoicing.domain import document
from invoicing.domain.charges import Charge, Rated
from invoicing.domain.composition import compose
from invoicing.domain.invoices import GENESIS_CHAIN, FrozenInvoice, Place, chain_of, digest_of, freeze

ChargeMaker = Callable[..., Charge]
RatedMaker = Callable[..., Rated]

MOMENT = datetime(2025, 2, 1, 1, 0, 0, 1500, tzinfo=UTC)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
GOLDEN = (
    '{"asOf":{"epoch":"5a1d37cd-98b1-4c0e-8f7a-0e0a1e6a8a35","lanes":[{"lane":"0","position":"41"},'
    '{"lane":"1","position":"7"}]},"billingPeriod":"2025-01","contract":"C-1","currency":"USD","customer":"UA",'
    '"customerName":"Zoë \\"Air\\" \\u0001","finalizedAt":"2025-02-01T01:00:00.001500Z",'
    '"format":"meterline-invoice-v1",'
    '"lines":[{"amount":"1.01","billingPeriod":"2025-01","chargeId":"chg-Calls-3","eventCount":"3",'
    '"exactAmount":"1.005","id":"INV-000001.1","item":"Calls","kind":"USAGE","meter":"calls",'
    '"period":{"end":"2025-02-01T00:00:00Z","start":"2025-01-01T00:00:00Z"},"plan":"standard","planVersion":"1",'
    '"quantity":"3","snapshotId":"snap-1","tiers":[{"amount":"1.005","flat":"","quantity":"3","unitPrice":"0.335","upTo":""}],'
    '"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","unit":"call"}],"number":"INV-000001",'
    '"period":{"end":"2025-02-01T00:00:00Z","start":"2025-01-01T00:00:00Z"},'
    '"previousChain":"0000000000000000000000000000000000000000000000000000000000000000","seller":"Seller",'
    '"timeZone":"UTC","total":"1.01"}'
)


def issued(rated: Rated) -> FrozenInvoice:
    composition = compose(rated, [], "Seller")
    lines = [
        replace(part.line, id=f"INV-000001.{n}", traceparent=TRACEPARENT)
        for n, part in enumerate(composition.lines, start=1)
    ]
    return freeze(composition.content(lines, MOMENT), Place("INV", 1, GENESIS_CHAIN))


def frozen(rated: Rated) -> bytes:
    return issued(rated).canonical_json


def test_the_golden_invoice(charge: ChargeMaker, rated: RatedMaker) -> None:
    text = frozen(rated(charge(), customer_name='Zoë "Air" \x01'))

    assert text.decode() == GOLDEN
    assert digest_of(text).hex() == "8d040ca72a5e3b4794dd839ac06e560b361134e1484add60c7fe72bbc20f678d"
    assert (
        chain_of(GENESIS_CHAIN, digest_of(text)).hex()
        == "a32c8ddfa5ffe3e117ded732d615b91e974f513cd0836914d923cd3fa5210ff7"
    )


def test_digest_and_chain_need_nothing_but_sha256(charge: ChargeMaker, rated: RatedMaker) -> None:
    text = frozen(rated(charge()))

    digest = hashlib.sha256(text).digest()
    assert digest_of(text) == digest
    assert chain_of(b"\x07" * 32, digest) == hashlib.sha256(b"\x07" * 32 + digest).digest()


def test_reading_and_writing_the_text_again_gives_the_same_bytes(
    charge: ChargeMaker, fee: ChargeMaker, rated: RatedMaker
) -> None:
    text = frozen(rated(fee(), charge(), customer_name="日本 / \u2028 é \t"))

    again = json.dumps(json.loads(text), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    assert again == text
    # What looks the same stays different: text is kept as it was sent.
    assert unicodedata.normalize("NFD", text.decode()).encode() != text


def test_equal_numbers_have_one_text(charge: ChargeMaker, rated: RatedMaker) -> None:
    plain = replace(charge(quantity="150"), quantity=Decimal(150))
    other = replace(plain, quantity=Decimal("1.50E+2"), exact_amount=Decimal("1.00500"))

    assert frozen(rated(plain)) == frozen(rated(other))


def test_no_number_is_left_to_the_reader_of_the_text(charge: ChargeMaker, rated: RatedMaker) -> None:
    def refuse(text: str) -> object:
        raise AssertionError(text)

    json.loads(frozen(rated(charge())), parse_float=refuse, parse_int=refuse, parse_constant=refuse)


def test_what_was_frozen_reads_back_and_is_written_the_same(
    charge: ChargeMaker, fee: ChargeMaker, rated: RatedMaker
) -> None:
    text = frozen(rated(fee(), charge(), customer_name="日本"))

    content = document.read(text)

    assert document.write(content) == text
    assert [line.id for line in content.lines] == ["INV-000001.1", "INV-000001.2"]
    assert content.line("INV-000001.2").tiers == charge().tiers


def test_a_document_from_before_a_field_had_its_name_reads_alike(charge: ChargeMaker, rated: RatedMaker) -> None:
    text = frozen(rated(charge()))

    assert document.read(text.replace(b'"unitPrice"', b'"unit"')) == document.read(text)


def test_the_text_of_a_plain_invoice_has_nothing_that_closing_invoices_brought(
    charge: ChargeMaker, fee: ChargeMaker, rated: RatedMaker
) -> None:
    document_of = json.loads(frozen(rated(fee(), charge())))

    assert "kind" not in document_of
    assert all("contract" not in line for line in document_of["lines"])


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"null", b"\xff", b'{"format":"another"}', b'{"format":["x"]}'])
def test_another_text_is_refused_as_not_an_invoice(text: bytes) -> None:
    with pytest.raises(document.UnreadableDocumentError):
        document.read(text)
