"""Who looks: one session, under the profile of its tenant."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.errors import NotFound, Reason
from portal.domain.line_names import item_of_line, labelled_line
from portal.domain.profiles import Profile
from portal.domain.sessions import PageName, Session, SessionKind, check_may_see


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose pages are shown, and by what profile."""

    session: Session
    profile: Profile

    @property
    def tenant(self) -> str:
        """The seller."""
        return self.session.tenant

    @property
    def customer(self) -> str:
        """The one customer whose pages they are."""
        return self.session.customer

    def pages(self) -> tuple[PageName, ...]:
        """Return the pages that are shown."""
        return tuple(page for page in PageName if self.session.may_see(page) and self.profile.shows(page))

    def check_sees(self, page: PageName) -> None:
        """Raise Forbidden for a page that the session was not made for, and NotFound for one that nobody sees."""
        check_may_see(self.session, page)
        if not self.profile.shows(page):
            raise NotFound(Reason.VIEW_NOT_FOUND, f"there is no page {page} here; open one of the others")

    def shows_property(self, name: str) -> bool:
        """Whether a property of events may be seen."""
        return name not in self.profile.hidden_properties

    def may_ask_by_any_property(self) -> bool:
        """Whether usage may be asked for by properties that the meter does not group by: always for the seller."""
        return self.profile.any_property or self.session.kind is SessionKind.OPERATOR

    def shows_item(self, item: str) -> bool:
        """Whether an item of a plan is shown by itself."""
        return not {item, item_of_line(item)}.intersection(self.profile.hidden_items)

    def seller_label(self, seller: str) -> str:
        """Return the seller of an invoice for people: one that no billing profile named stands there by its key."""
        return self.profile.seller_name or seller if seller == self.tenant else seller

    def meter_label(self, meter: str) -> str:
        """Return the name of a meter for people."""
        return self.profile.labels.meters.get(meter, meter)

    def item_label(self, item: str) -> str:
        """Return the name of an item for people."""
        return labelled_line(item, self.profile.labels.items)

    def property_label(self, name: str) -> str:
        """Return the name of a property for people."""
        return self.profile.labels.properties.get(name, name)

    def value_label(self, name: str, value: str) -> str:
        """Return the name of a property's value for people; of an event without it, a dash."""
        return self.profile.labels.values.get(name, {}).get(value, value or "–")  # noqa: RUF001 - a dash, for reading
