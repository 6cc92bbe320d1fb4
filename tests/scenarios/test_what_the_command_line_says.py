"""What a biller reads: which invoice is final, which contract is meant, and which name does not exist."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from testkit.live import Tenant
from testkit.wait import wait_until

CATALOG = """
kind: Meter
metadata: {name: calls}
spec: {eventTypes: [call], aggregation: COUNT, unit: call}
---
kind: Plan
metadata: {name: basic}
spec: {currency: USD, items: [{name: Calls, meter: calls, price: {perUnit: "2"}}]}
---
kind: Customer
metadata: {name: acme}
spec: {currency: USD}
---
kind: Customer
metadata: {name: globex}
spec: {currency: USD}
---
kind: Contract
metadata: {name: z-old}
spec: {customer: acme, plan: basic, start: "2024-01-01", end: "2024-01-15", timeZone: UTC}
---
kind: Contract
metadata: {name: a-new}
spec: {customer: acme, plan: basic, start: "2024-01-15", timeZone: UTC}
---
kind: Contract
metadata: {name: globex-1}
spec: {customer: globex, plan: basic, start: "2024-01-01", timeZone: UTC}
"""
JANUARY = ("--from", "2024-01-01", "--to", "2024-02-01")


def call(event_id: str, time: str) -> dict[str, object]:
    return {"id": event_id, "source": "pbx", "type": "call", "customer": "acme", "time": time, "properties": {}}


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("biller")
    tenant.apply(CATALOG)
    tenant.report(
        call("1", "2024-01-02T03:30:00Z"), call("2", "2024-01-20T12:00:00Z"), call("3", "2024-01-21T12:00:00Z")
    )
    tenant.run("usage", "calls", *JANUARY, "--wait")
    return tenant


def test_one_contract_of_several_is_named_by_an_option(tenant: Tenant) -> None:
    for command in (("invoice", "preview"), ("charges",)):
        asked = (*command, "--customer", "acme", "--period", "2024-01")
        refused = tenant.run(*asked, expected=(3,)).stderr

        assert "contracts 'a-new', 'z-old' have a period each; name one of them with --contract" in refused
        assert tenant.json(*asked, "--contract", "z-old")["contract"] == "z-old"
        assert tenant.json(*command, "--contract", "a-new", "--period", "2024-01")["contract"] == "a-new"
        wrong = tenant.run(
            *command, "--customer", "globex", "--contract", "z-old", "--period", "2024-01", expected=(2,)
        )
        assert "contract 'z-old' is of customer 'acme', not of 'globex'" in wrong.stderr
        assert "--contract" in tenant.run(*command, expected=(2,)).stderr


def test_a_preview_says_whether_the_period_is_final_and_earlier_contracts_have_earlier_numbers(
    make_tenant: Callable[[str], Tenant],
) -> None:
    tenant = make_tenant("final")
    tenant.apply(CATALOG)
    tenant.report(call("1", "2024-01-02T03:30:00Z"), call("2", "2024-01-20T12:00:00Z"))
    preview = ("invoice", "preview", "--contract", "a-new", "--period", "2024-01")
    assert tenant.json(*preview)["finalInvoice"] is None
    assert "is final" not in tenant.run(*preview).stdout

    invoices = tenant.json("invoice", "finalize", "--period", "2024-01", "--customer", "acme")
    tenant.report(call("late", "2024-01-22T12:00:00Z"))
    wait_until(lambda: tenant.json("invoice", "pending"), 60, what="late usage to be pending")

    numbers = {invoice["contract"]: invoice["number"] for invoice in invoices}
    assert numbers == {"z-old": "INV-000001", "a-new": "INV-000002"}
    assert tenant.json(*preview)["finalInvoice"] == {"number": "INV-000002", "total": "2.00"}
    said = tenant.run(*preview).stdout
    assert "This period is final: invoice INV-000002, total 2.00 USD." in said
    assert "Draft" not in said
    assert "pending 2.00 USD: usage came late and will be adjusted on the next invoice, of contract a-new for" in said


def test_a_period_that_still_runs_is_said_so(tenant: Tenant) -> None:
    now = datetime.now(UTC)

    done = tenant.run("invoice", "finalize", "--period", f"{now:%Y-%m}", "--customer", "globex", expected=(4,))

    assert "the period runs until " in done.stderr
    assert "; finalize after " in done.stderr
    assert "[PERIOD_OPEN]" in done.stderr
    assert "+00:00" not in done.stderr


def test_names_that_do_not_exist_are_told_in_the_words_of_the_command_line(tenant: Tenant) -> None:
    assert "[METER_NOT_FOUND]" in tenant.run("get", "parked", "nosuch", expected=(3,)).stderr
    assert tenant.json("get", "parked", "calls") == []
    assert "list the invoices to see which there are" in tenant.run("invoice", "show", "INV-9", expected=(3,)).stderr
    assert "list the contracts to see which there are" in tenant.run("get", "contract", "no", expected=(3,)).stderr


def test_a_customer_that_the_catalog_does_not_know_is_told_from_one_without_usage(tenant: Tenant) -> None:
    shown = tenant.run("usage", "calls", "--customer", "globex", "--customer", "acmee", *JANUARY)

    assert "the catalog has no customer 'acmee'" in shown.stderr
    assert "globex" not in shown.stderr


@pytest.mark.parametrize("command", ["unbilled", "get parked", "get parked calls", "invoice pending", "invoice list"])
def test_an_empty_answer_about_a_customer_says_if_there_is_no_such_customer(tenant: Tenant, command: str) -> None:
    asked = (*command.split(), "--customer")

    assert "the catalog has no customer 'acmee'" in tenant.run(*asked, "acmee").stderr
    assert "the catalog has no customer" not in tenant.run(*asked, "globex").stderr


def test_unbilled_usage_of_a_meter_that_there_is_not_is_refused(tenant: Tenant) -> None:
    assert "[METER_NOT_FOUND]" in tenant.run("unbilled", "--meter", "nosuch", expected=(3,)).stderr
    tenant.run("unbilled", "--meter", "calls")


def test_windows_are_shown_in_the_zone_asked_for(tenant: Tenant) -> None:
    asked = (
        "usage",
        "calls",
        "--from",
        "2024-01-01",
        "--to",
        "2024-01-03",
        "--window",
        "day",
        "--tz",
        "America/New_York",
    )

    table, document = tenant.run(*asked).stdout, tenant.json(*asked)

    assert "2024-01-01T00:00:00-05:00" in table
    assert "2024-01-02T00:00:00-05:00" in table
    assert document["timeZone"] == "America/New_York"
    assert document["rows"][0]["window"] == {"start": "2024-01-01T05:00:00Z", "end": "2024-01-02T05:00:00Z"}


def test_a_currency_in_small_letters_is_told_how_to_write_it(tenant: Tenant) -> None:
    catalog = CATALOG.split("---")[2].replace("USD", "usd")

    done = tenant.run("apply", "-f", "-", stdin=catalog, expected=(3,))

    assert "ISO 4217 code in capitals, so write USD, not usd." in done.stderr


def test_a_conflict_says_what_differs(tenant: Tenant) -> None:
    done = tenant.report(call("1", "2024-01-02T03:30:00Z") | {"customer": "globex"}, expected=(7,))

    assert done["conflicts"][0]["message"] == (
        "line 1: this id is taken by an event that differs in customer: stored 'acme', sent 'globex'"
    )
