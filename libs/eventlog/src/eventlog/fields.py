"""The text fields of a usage event: the one list that producers, ingest and readers of the log walk.

To add an optional field, add a line to `EventTexts` and, under the same name, the field to `UsageEvent` in
usage_event.proto and its column (named in the plural) to `UsageEventColumns`. It is then taken by the SDK and the CSV
import, checked, compared with the event of the same identity, stored, and read back. Segments without the column
keep being read: an event without the field has the empty text.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTexts:
    """The texts of one event, in the order in which they are checked. What has no default is required."""

    source: str
    type: str
    customer: str
    subject: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class TextField:
    """One text field: its name on an event, and that of its column.

    `is_identity` says that it names the event, together with the id, and so is no part of the body that is compared.
    """

    name: str
    column: str
    is_required: bool
    is_identity: bool


FIELDS: Final = tuple(
    TextField(field.name, f"{field.name}s", field.default is MISSING, field.name == "source")
    for field in fields(EventTexts)
)
