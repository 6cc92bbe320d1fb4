"""The profile as the seller's form edits it: the document that `meterline portal brand` reads, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from pydantic import Field

from portal.domain.contrast import READABLE, WHITE, Colour, colour_of, contrast, mended, text_of
from portal.domain.portal_session import PortalSession
from portal.domain.profiles import DARK_SURFACE, Profile
from portal.domain.views import View

_SURFACES: Final[tuple[tuple[str, str, Colour], ...]] = (
    ("accent", "light", WHITE),
    ("accentDark", "dark", DARK_SURFACE),
)


class ContrastVerdict(View):
    """Whether a colour can be read on a surface of the pages."""

    field: str = Field(examples=["accent"])
    colour: str
    surface: str = Field(description="`light` or `dark`.")
    ratio: str | None = Field(description="Contrast, cut off to two places; null for what is no colour.")
    is_readable: bool
    better: str | None = Field(description="A colour near it that can be read; null where it can be.")


class StoredProfile(View):
    """A version of the profile."""

    version: int = Field(description="0 = the default, which holds until one is applied.")
    spec: Mapping[str, Any] = Field(description="The document that `meterline portal brand` reads and prints.")
    created_at: datetime | None
    versions: tuple[int, ...] = Field(description="Numbers of all versions, the newest first.")
    verdicts: tuple[ContrastVerdict, ...]
    public_url: str = Field(description="Address of the portal, for the page that embeds it.")


class ProfileToApply(View):
    """The profile as it should be; what is absent is as in the default."""

    spec: Mapping[str, Any]


class ProfileToPreview(View):
    """A profile that is not saved, and the customer whose pages are to be shown with it."""

    spec: Mapping[str, Any]
    customer: str = Field(min_length=1, max_length=128)
    locale: str = Field(default="", max_length=16, description="Language tag of the reader; empty = English.")
    session: str = Field(
        default="",
        max_length=64,
        description="Id of an embed session of that customer that you made: as long as it lives, its pages and no "
        "others follow this profile. Needs the scope admin; empty = none.",
    )


class ProfileProblem(View):
    """What is wrong with one field."""

    field: str
    message: str


class Preview(View):
    """What a page would be told first if the profile were saved, and what is wrong with the profile."""

    session: PortalSession | None = Field(description="Null where something is wrong.")
    problems: tuple[ProfileProblem, ...]
    verdicts: tuple[ContrastVerdict, ...]
    logo: str | None = Field(description="The logo, cleaned, in base64; null without one.")


def verdicts_of(accent: str, accent_dark: str) -> tuple[ContrastVerdict, ...]:
    """Return whether the two accents can be read; an empty one stands for the default."""
    default = Profile()
    texts = (accent or default.accent, accent_dark or default.accent_dark)
    return tuple(
        _verdict(field, text, mode, surface) for text, (field, mode, surface) in zip(texts, _SURFACES, strict=True)
    )


def _verdict(field: str, text: str, mode: str, surface: Colour) -> ContrastVerdict:
    colour = colour_of(text)
    if colour is None:
        return ContrastVerdict(field=field, colour=text, surface=mode, ratio=None, is_readable=False, better=None)
    ratio = contrast(colour, surface)
    is_readable = ratio >= READABLE
    return ContrastVerdict(
        field=field,
        colour=text,
        surface=mode,
        # Cut off, not rounded: 4.499 must not be told as 4.5.
        ratio=format(ratio.quantize(Decimal("0.01"), ROUND_DOWN), "f"),
        is_readable=is_readable,
        better=None if is_readable else text_of(mended(colour, surface)),
    )
