"""A page token reads back, and what no service wrote is refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidRequest, Reason
from chassis.rpc.pages import name_in, page_limit, page_token, place_in


def test_no_page_size_asks_for_the_default() -> None:
    assert (page_limit(0), page_limit(7)) == (100, 7)


@given(
    name=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), number=st.integers(-1, 2**63 - 1)
)
def test_a_page_token_reads_back(name: str, number: int) -> None:
    assert place_in(page_token(name, number), [str, int]) == (name, number)


def test_no_page_token_is_no_place() -> None:
    assert place_in("", [str]) is None


def test_a_list_by_name_goes_on_after_its_last_name() -> None:
    assert (name_in(""), name_in(page_token("UA-2013"))) == ("", "UA-2013")


@pytest.mark.parametrize(
    "place",
    [
        "not JSON",
        "{}",
        "[]",
        '["a"]',
        '["a", 1, 2]',
        '[1, "a"]',
        '["a", true]',
        '["a", 1.0]',
        '["a", -2]',
        '["a", 9223372036854775808]',
        '["a\\u0000", 1]',
        '["\\ud800", 1]',
        "[" * 100_000,
    ],
)
def test_a_made_up_place_is_refused(place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        place_in(base64.urlsafe_b64encode(place.encode()).decode(), [str, int])

    assert caught.value.violations[0].reason is Reason.PAGE_TOKEN_INVALID


@pytest.mark.parametrize("token", ["made up", "!", "ä", "====", "WyJhIiwgMV0"])
def test_a_made_up_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest):
        place_in(token, [str, int])
