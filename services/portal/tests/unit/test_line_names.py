"""Names of lines that are not of all of an item's period: hidden and labelled as their item is."""

from __future__ import annotations

import pytest

from portal.domain.line_names import item_of_line, labelled_line


@pytest.mark.parametrize(
    ("line", "item", "labelled"),
    [
        ("Calls", "Calls", "Minutes"),
        ("Calls (2026-08-01 to 2026-08-10)", "Calls", "Minutes (2026-08-01 to 2026-08-10)"),
        (
            "Billed in advance: Calls (2026-08-01 to 2026-08-31)",
            "Calls",
            "Billed in advance: Minutes (2026-08-01 to 2026-08-31)",
        ),
        ("Calls (of August)", "Calls (of August)", "Calls (of August)"),
        ("Discount: Calls", "Discount: Calls", "Discount: Calls"),
        ("", "", ""),
    ],
)
def test_a_line_is_of_an_item_and_has_its_label(line: str, item: str, labelled: str) -> None:
    assert item_of_line(line) == item
    assert labelled_line(line, {"Calls": "Minutes"}) == labelled


def test_a_label_of_the_whole_line_comes_first() -> None:
    assert labelled_line("Discount: Calls", {"Discount: Calls": "Rebate", "Calls": "Minutes"}) == "Rebate"
