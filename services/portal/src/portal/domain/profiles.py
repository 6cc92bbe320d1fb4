"""The profile of a tenant's portal: how it looks, what it shows, where it may be embedded. Versions never change."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from chassis.errors import Reason
from chassis.errors.refused import Refused, all_of
from chassis.text import check_name, value_fault
from portal.domain.contrast import READABLE, WHITE, Colour, colour_of, contrast, ink_on, mended, text_of
from portal.domain.pictures import clean_png
from portal.domain.saved_views import check_saved_view
from portal.domain.sessions import PageName

DARK_SURFACE: Final[Colour] = (20, 24, 31)
RADIUS_PX_MAX: Final = 24
TEXTS_MAX: Final = 200
TEXT_CHARS_MAX: Final = 500
SELLER_NAME_CHARS_MAX: Final = 80
PRESETS_MAX: Final = 20
LABELS_MAX: Final = 1000
ORIGINS_MAX: Final = 20
TRACE_ID_MARK: Final = "{traceId}"
_FONT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,63}", re.ASCII)
_LOCALE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.ASCII)


class Mode(StrEnum):
    """Light or dark."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class WindowFloor(StrEnum):
    """The smallest window in which usage and cost are shown."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class UnitNames:
    """A unit for one and for several. Example: flight, flights."""

    one: str
    other: str


@dataclass(frozen=True, slots=True)
class Labels:
    """Names for people, in place of those of the catalog and of events."""

    meters: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Property -> value -> label."""
    units: Mapping[str, UnitNames] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preset:
    """A page of the portal with all choices that are made on it."""

    name: str
    query: str
    """Path and query."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One version of a tenant's profile. Version 0 is the default that holds until one is applied."""

    version: int = 0
    seller_name: str = ""
    """The seller for people; empty = as invoices name it."""
    accent: str = "#2a5bd7"
    accent_dark: str = "#8fb0ff"
    """The accent on the dark surface."""
    series: tuple[str, ...] = ()
    """Colours of charts, in order; none = those of the portal."""
    logo_png: bytes = b""
    font: str = ""
    radius_px: int = 10
    mode: Mode = Mode.AUTO
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Locale -> key -> text."""
    pages: tuple[PageName, ...] = ()
    """Pages that customers see; none = all."""
    window_floor: WindowFloor = WindowFloor.HOUR
    hidden_properties: tuple[str, ...] = ()
    hidden_meters: tuple[str, ...] = ()
    hidden_items: tuple[str, ...] = ()
    presets: tuple[Preset, ...] = ()
    """Views that every customer finds among the saved ones."""
    any_property: bool = False
    """Whether customers may ask by properties that the meter does not group by, but for hidden ones."""
    shows_correction_reasons: bool = False
    """Whether customers see why an event of theirs was voided or replaced."""
    labels: Labels = field(default_factory=Labels)
    trace_link: str = ""
    """Template of the address of a trace, with `{traceId}` in it; empty = traces are not linked."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of pages that may embed the portal, exactly as browsers name them."""
    created_at: datetime | None = None

    def says_the_same_as(self, other: Profile) -> bool:
        """Whether two versions have the same content."""
        return replace(self, version=0, created_at=None) == replace(other, version=0, created_at=None)

    def shows(self, page: PageName) -> bool:
        """Whether customers see a page."""
        return not self.pages or page in self.pages

    def accent_ink(self) -> str:
        """Return the colour of text on the accent."""
        return text_of(ink_on(colour_of(self.accent) or WHITE))

    def texts_for(self, locale: str) -> Mapping[str, str]:
        """Return the texts of a locale: those of its language, and above them those of just this locale."""
        language = locale.partition("-")[0]
        return {**self.texts.get(language, {}), **self.texts.get(locale, {})}


def checked(profile: Profile) -> Profile:
    """Return the profile with its logo cleaned. Raises Refused with all that is wrong with it."""
    checks: tuple[Callable[[], object], ...] = (
        partial(_check_accent, "accent", profile.accent, WHITE, "light"),
        partial(_check_accent, "accent_dark", profile.accent_dark, DARK_SURFACE, "dark"),
        partial(_check_series, profile.series),
        partial(_check_looks, profile),
        partial(_check_seller_name, profile.seller_name),
        partial(_check_texts, profile.texts),
        partial(_check_labels, profile.labels),
        partial(_check_trace_link, profile.trace_link),
        partial(_check_presets, profile.presets),
        partial(_check_origins, profile.allowed_origins),
    )
    logo, *_ = all_of(lambda: clean_png(profile.logo_png) if profile.logo_png else b"", *checks)
    return replace(profile, logo_png=logo)


def _check_accent(name: str, text: str, surface: Colour, mode: str) -> None:
    colour = colour_of(text)
    if colour is None:
        raise Refused(
            name, Reason.FIELD_INVALID, "write a colour as # and six lower case hexadecimal digits, such as #2a5bd7"
        )
    ratio = contrast(colour, surface)
    if ratio < READABLE:
        # Cut off, not rounded: 4.499 must not be told as 4.5.
        shown = ratio.quantize(Decimal("0.01"), ROUND_DOWN)
        better = text_of(mended(colour, surface))
        fault = f"{text} has a contrast of {shown}:1 on the {mode} surface, and 4.5:1 is needed to read it"
        raise Refused(name, Reason.FIELD_INVALID, f"{fault}; {better} has it")


def _check_series(colours: tuple[str, ...]) -> None:
    for place, text in enumerate(colours):
        if colour_of(text) is None:
            raise Refused(f"series[{place}]", Reason.FIELD_INVALID, "write a colour such as #2a5bd7")


def _check_looks(profile: Profile) -> None:
    if profile.font and not _FONT.fullmatch(profile.font):
        raise Refused("font", Reason.FIELD_INVALID, "write the name of one font: letters, digits, spaces, - and _")
    if not 0 <= profile.radius_px <= RADIUS_PX_MAX:
        raise Refused("radius_px", Reason.FIELD_INVALID, f"write 0 to {RADIUS_PX_MAX} pixels")


def _check_seller_name(name: str) -> None:
    fault = value_fault(name)
    if fault is not None:
        raise Refused("seller_name", Reason.TEXT_INVALID, fault)
    if len(name) > SELLER_NAME_CHARS_MAX:
        raise Refused("seller_name", Reason.FIELD_INVALID, f"write at most {SELLER_NAME_CHARS_MAX} characters")


def _check_texts(texts: Mapping[str, Mapping[str, str]]) -> None:
    for locale, entries in texts.items():
        if not _LOCALE.fullmatch(locale):
            raise Refused(
                "texts", Reason.FIELD_INVALID, f"{locale!r} is no language tag; write one such as en or pt-BR"
            )
        if len(entries) > TEXTS_MAX:
            raise Refused("texts", Reason.FIELD_INVALID, f"{locale} has more than {TEXTS_MAX} texts; leave some out")
        for key, text in entries.items():
            _check_text(f"texts[{locale}][{key}]", text)


def _check_labels(labels: Labels) -> None:
    flat = (labels.meters, labels.items, labels.properties, *labels.values.values())
    if sum(map(len, flat)) + len(labels.units) > LABELS_MAX:
        raise Refused("labels", Reason.FIELD_INVALID, f"there are more than {LABELS_MAX} labels; leave some out")
    for entries in flat:
        for key, text in entries.items():
            _check_text(f"labels[{key}]", text)
    for unit, names in labels.units.items():
        _check_text(f"labels.units[{unit}]", names.one)
        _check_text(f"labels.units[{unit}]", names.other)


def _check_text(name: str, text: str) -> None:
    fault = value_fault(text)
    if fault is not None:
        raise Refused(name, Reason.TEXT_INVALID, fault)
    if not text or len(text) > TEXT_CHARS_MAX:
        raise Refused(name, Reason.FIELD_INVALID, f"write 1 to {TEXT_CHARS_MAX} characters")


def _check_trace_link(template: str) -> None:
    if not template:
        return
    check_name("trace_link", template)
    # Only https: the page puts it into a link as it is.
    if not template.startswith("https://") or template.count(TRACE_ID_MARK) != 1 or len(template) > TEXT_CHARS_MAX:
        text = f"write an address that begins with https:// and has {TRACE_ID_MARK} in it once"
        raise Refused("trace_link", Reason.FIELD_INVALID, text)


def _check_presets(presets: tuple[Preset, ...]) -> None:
    if len(presets) > PRESETS_MAX:
        raise Refused("presets", Reason.FIELD_INVALID, f"name at most {PRESETS_MAX} views")
    if len({preset.name for preset in presets}) < len(presets):
        raise Refused("presets", Reason.FIELD_INVALID, "two views have the same name; give each one of its own")
    for place, preset in enumerate(presets):
        try:
            check_saved_view(preset.name, preset.query)
        except Refused as refused:
            raise refused.inside(f"presets[{place}]") from refused


def _check_origins(origins: tuple[str, ...]) -> None:
    if len(origins) > ORIGINS_MAX:
        raise Refused("allowed_origins", Reason.FIELD_INVALID, f"name at most {ORIGINS_MAX} origins")
    for place, origin in enumerate(origins):
        if not is_origin(origin):
            text = "write one origin as a browser names it, such as https://app.example.com: no path, no wildcard"
            raise Refused(f"allowed_origins[{place}]", Reason.FIELD_INVALID, text)


def is_origin(text: str) -> bool:
    """Whether a text is an origin as browsers name it: https, or http on the own machine, host and other port."""
    if not text.isascii() or not text.isprintable() or not text.startswith(("https://", "http://")):
        return False
    scheme, _, authority = text.partition("://")
    host, colon, port = authority.partition(":")
    if not _HOST.fullmatch(host) or (colon and not port.isdecimal()):
        return False
    if port and (urlsplit(f"{scheme}://").scheme, port) in {("https", "443"), ("http", "80")}:
        return False
    return scheme == "https" or host in {"localhost", "127.0.0.1"}
