"""What a page is told first: whose pages it shows, and how they look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from portal.domain.profiles import Mode, WindowFloor
from portal.domain.sessions import PageName, SessionKind
from portal.domain.views import View


class Party(View):
    """The customer."""

    key: str
    name: str


class Branding(View):
    """How the pages look."""

    accent: str = Field(examples=["#2a5bd7"])
    accent_dark: str
    accent_ink: str = Field(description="Colour of text on the accent.")
    logo_url: str | None
    font: str | None
    radius: int = Field(description="Radius of corners in pixels.")
    series: tuple[str, ...] = Field(description="Colours of charts; none = those of the kit.")


class UnitLabel(View):
    """A unit for one and for several."""

    one: str
    other: str


class LabelSet(View):
    """Names for people, in place of those of the catalog."""

    meters: Mapping[str, str]
    items: Mapping[str, str]
    properties: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]] = Field(description="Property, then value.")
    units: Mapping[str, UnitLabel]


class ActingFor(View):
    """Somebody of the seller looks at what the customer sees."""

    operator: str
    reason: str


class PortalSession(View):
    """Whose pages these are, and how they look."""

    customer: Party
    seller: str = Field(
        description="Name of the seller for people; empty where neither the profile nor an invoice or draft names it."
    )
    views: tuple[PageName, ...]
    locale: str | None = Field(description="Language tag; null = the browser's.")
    time_zone: str = Field(description="IANA zone of the customer's newest contract; UTC without one.")
    currency: str = Field(description="ISO 4217 code of that contract; empty without one.")
    mode: Mode
    branding: Branding
    texts: Mapping[str, str]
    labels: LabelSet
    window_min: WindowFloor
    trace_link: str | None
    expires_at: datetime
    kind: SessionKind
    acting_for: ActingFor | None
