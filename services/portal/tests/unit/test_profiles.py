from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from chassis.errors.refused import Refused
from portal.domain.profiles import Labels, Preset, Profile, checked, is_origin
from portal.domain.sessions import PageName


def test_the_default_is_sound() -> None:
    assert checked(Profile()) == Profile()


def test_a_colour_that_cannot_be_read_is_refused_with_its_ratio_and_one_that_can() -> None:
    with pytest.raises(Refused) as refused:
        checked(Profile(accent="#ffff00"))

    assert refused.value.field == "accent"
    assert "1.07:1" in refused.value.text
    better = refused.value.text.split("; ")[1].split()[0]
    assert checked(Profile(accent=better)).accent == better


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = Profile(
        accent="yellow", radius_px=99, allowed_origins=("https://*.example.com",), trace_link="javascript:x"
    )

    with pytest.raises(Refused) as refused:
        checked(wrong)

    fields = {refused.value.field, *(other.field for other in refused.value.others)}
    assert fields == {"accent", "radius_px", "trace_link", "allowed_origins[0]"}


@pytest.mark.parametrize(
    "changed",
    [
        {"accent_dark": "#222222"},
        {"series": ("#2a5bd7", "expression(1)")},
        {"font": "Inter; background: url(x)"},
        {"texts": {"english!": {"help": "x"}}},
        {"texts": {"en": {"help": "a\0b"}}},
        {"texts": {"en": {"help": "x" * 501}}},
        {"labels": Labels(meters={"flights": ""})},
        {"labels": Labels(values={"origin": {str(number): "x" for number in range(1001)}})},
        {"trace_link": "https://traces.example.com/"},
        {"trace_link": "http://traces.example.com/{traceId}"},
        {"trace_link": "https://t.example.com/{traceId}/{traceId}"},
        {"allowed_origins": ("https://a.example.com",) * 21},
        {"seller_name": "x" * 81},
        {"presets": (Preset("", "/usage"),)},
        {"presets": (Preset("Elsewhere", "https://elsewhere.example.com"),)},
        {"presets": (Preset("Twice", "/usage"), Preset("Twice", "/cost"))},
        {"presets": tuple(Preset(str(number), "/usage") for number in range(21))},
    ],
    ids=str,
)
def test_what_could_break_a_page_is_refused(changed: Mapping[str, Any]) -> None:
    with pytest.raises(Refused):
        checked(replace(Profile(), **changed))


@pytest.mark.parametrize(
    "origin",
    ["https://app.example.com", "https://app.example.com:8443", "http://localhost:3000", "http://127.0.0.1:80800"],
)
def test_an_origin_is_what_browsers_send(origin: str) -> None:
    assert is_origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "*",
        "null",
        "https://*.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://App.example.com",
        "https://app.example.com:443",
        "http://app.example.com",
        "https://user@app.example.com",
        "https://app.example.com 'unsafe-inline'",
        "https://app.example.com;script-src *",
        "ftp://app.example.com",
        "https://",
        "https://exämple.com",
    ],
)
def test_anything_else_is_none(origin: str) -> None:
    assert not is_origin(origin)


def test_texts_of_just_this_locale_stand_above_those_of_its_language() -> None:
    profile = Profile(texts={"pt": {"help": "ajuda", "zone": "fuso"}, "pt-BR": {"help": "socorro"}})

    assert profile.texts_for("pt-BR") == {"help": "socorro", "zone": "fuso"}
    assert profile.texts_for("pt") == {"help": "ajuda", "zone": "fuso"}
    assert profile.texts_for("en") == {}


def test_a_profile_without_pages_shows_all() -> None:
    assert all(Profile().shows(page) for page in PageName)
    assert not Profile(pages=(PageName.USAGE,)).shows(PageName.INVOICES)
