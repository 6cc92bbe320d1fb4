"""The Python that the documents and docstrings show runs as it stands, against a real suite."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest

from meterline import Client
from testkit.flights import ROOT
from testkit.live import Tenant


def blocks(document: str) -> list[str]:
    """The fenced Python of a document."""
    return re.findall(
        r"^```python\n(.*?)^```$", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def example(documented: object) -> str:
    """The indented block under "Example::" in a docstring."""
    (found,) = re.findall(r"Example::\n\n((?:    .*\n|\n)+)", inspect.getdoc(documented) or "")
    return textwrap.dedent(found)


PROGRAMS = [
    *(
        pytest.param(block, id=f"{name} {at}")
        for name in ("README.md", "docs/sdk.md")
        for at, block in enumerate(blocks(name))
    ),
    pytest.param(example(Client), id="Client"),
]


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("reader")
    tenant.apply(
        "kind: Meter\nmetadata: {name: messages}\nspec: {eventTypes: [sms.sent], aggregation: COUNT}\n---\n"
        "kind: Plan\nmetadata: {name: basic}\n"
        'spec: {currency: EUR, items: [{name: Messages, meter: messages, price: {perUnit: "0.01"}}]}\n'
    )
    return tenant


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_example_runs_and_complains_of_nothing(tenant: Tenant, program: str) -> None:
    environment = {**os.environ, "METERLINE_CONTEXT": str(tenant.context)}

    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_documents_have_examples() -> None:
    assert len(PROGRAMS) >= 4
