"""Catalogs of thousands of entries: applied part by part, again after a kill, and with all their faults at once."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

from testkit.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from testkit.live import Tenant

PLAN = 'kind: Plan\nmetadata: {name: fee}\nspec: {currency: USD, items: [{name: Fee, fixed: {amount: "1"}}]}\n'


def many(count: int) -> str:
    """A plan, and customers with a contract each."""
    customers = (f"kind: Customer\nmetadata: {{name: c-{n}}}\nspec: {{currency: USD}}\n" for n in range(count))
    contracts = (
        f"kind: Contract\nmetadata: {{name: k-{n}}}\n"
        f"spec: {{customer: c-{n}, plan: fee, start: 2024-01-01, timeZone: UTC}}\n"
        for n in range(count)
    )
    return "---\n".join([PLAN, *customers, *contracts])


def outcomes(tenant: Tenant, file: Path) -> dict[str, int]:
    counted: dict[str, int] = {}
    for entry in tenant.json("apply", "-f", file):
        counted[entry["outcome"]] = counted.get(entry["outcome"], 0) + 1
    return counted


def test_a_kill_leaves_whole_parts_and_the_next_run_applies_the_rest(
    make_tenant: Callable[[str], Tenant], tmp_path: Path
) -> None:
    tenant, file = make_tenant("killed"), tmp_path / "many.yaml"
    file.write_text(many(10_000))

    def stored() -> list[Any]:
        found: list[Any] = tenant.json("get", "contracts")
        return found

    process = tenant.suite.begin("--context", tenant.context, "apply", "-f", file)
    wait_until(lambda: bool(stored()), limit_s=60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = len(stored())

    assert 0 < left < 10_000
    assert left == len(tenant.json("get", "customers"))
    assert outcomes(tenant, file) == {"unchanged": 1 + 2 * left, "created": 2 * (10_000 - left)}
    assert outcomes(tenant, file) == {"unchanged": 20_001}
    table = tenant.run("apply", "-f", file)
    assert [line.split() for line in table.stdout.splitlines()] == [
        ["kind", "outcome", "entries"],
        ["Plan", "unchanged", "1"],
        ["Customer", "unchanged", "10,000"],
        ["Contract", "unchanged", "10,000"],
    ]


def test_one_fault_in_the_last_part_keeps_every_part_out(make_tenant: Callable[[str], Tenant], tmp_path: Path) -> None:
    tenant, file = make_tenant("faulty"), tmp_path / "many.yaml"
    file.write_text(many(1500) + "---\nkind: Customer\nmetadata: {name: zz}\nspec: {currency: XXX}\n")

    done = tenant.run("apply", "-f", file, expected=(3,))

    assert "(Customer zz): spec.currency" in done.stderr
    assert tenant.json("get", "customers") == []


def test_every_fault_that_the_service_finds_is_told_with_its_place(make_tenant: Callable[[str], Tenant]) -> None:
    tenant = make_tenant("faults")
    catalog = """
kind: Plan
metadata: {name: steps}
spec:
  currency: XXX
  items:
    - name: A
      meter: m
      price:
        graduated:
          tiers:
            - {upTo: 10, unit: 1}
            - {upTo: 5, unit: 1}
            - {upTo: 3, unit: 1}
            - {unit: 1}
---
kind: Customer
metadata: {name: a}
spec: {currency: YYY}
---
kind: Customer
metadata: {name: b}
spec: {currency: USD}
---
kind: Contract
metadata: {name: b-1}
spec: {customer: b, plan: nothing, start: 2024-01-01, timeZone: UTC}
---
kind: Contract
metadata: {name: b-2}
spec: {customer: b, plan: nowhere, start: 2024-01-01, timeZone: UTC}
"""

    done = tenant.run("apply", "-f", "-", stdin=catalog, expected=(3,))

    errors = done.stderr.splitlines()
    assert [error.split(": ")[1:3] for error in errors] == [
        ["standard input, line 5 (Plan steps)", "spec.currency"],
        ["standard input, line 13 (Plan steps)", "spec.items[0].price.graduated.tiers[1].upTo"],
        ["standard input, line 14 (Plan steps)", "spec.items[0].price.graduated.tiers[2].upTo"],
        ["standard input, line 19 (Customer a)", "spec.currency"],
        ["standard input, line 27 (Contract b-1)", "spec"],
        ["standard input, line 31 (Contract b-2)", "spec"],
    ]
    assert json.loads(tenant.run("get", "customers", "-o", "json").stdout) == []


def test_documents_of_good_form_are_checked_beside_others_that_are_not(make_tenant: Callable[[str], Tenant]) -> None:
    tenant = make_tenant("stages")
    catalog = """
kind: Plan
metadata: {name: unread}
spec: {currency: USD, colour: red, items: [{name: A, fixed: {amount: 1}}]}
---
kind: Plan
metadata: {name: small letters}
spec: {currency: USD, items: [{name: A, fixed: {amount: 1}}]}
---
kind: Customer
metadata: {name: a}
spec: {currency: usd}
---
kind: Contract
metadata: {name: on-unread}
spec: {customer: a, plan: unread, start: 2024-01-01, timeZone: UTC}
---
kind: Contract
metadata: {name: on-refused}
spec: {customer: a, plan: small letters, start: 2024-01-01, end: 2023-01-01, timeZone: UTC}
---
kind: Contract
metadata: {name: lost}
spec: {customer: nobody, plan: nothing, start: 2024-01-01, end: 2023-01-01, timeZone: UTC}
"""

    done = tenant.run("apply", "-f", "-", stdin=catalog, expected=(2,))

    # The two contracts are not blamed for the plans and the customer that are refused themselves.
    errors = [error.removeprefix("error: standard input, ").split(": ") for error in done.stderr.splitlines()]
    assert [(place, field) for place, field, *_ in errors] == [
        ("line 4 (Plan unread)", "spec.colour"),
        ("line 8 (Plan small letters)", "metadata.name"),
        ("line 12 (Customer a)", "spec.currency"),
        ("line 20 (Contract on-refused)", "spec.end"),
        ("line 24 (Contract lost)", "spec.end"),
        ("line 24 (Contract lost)", "spec.customer"),
        ("line 24 (Contract lost)", "spec.plan"),
    ]
    assert "must be three capital letters of ISO 4217, such as EUR" in done.stderr
    assert "regex" not in done.stderr
