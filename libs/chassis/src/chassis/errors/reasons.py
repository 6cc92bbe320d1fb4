"""Every stable reason of the suite in one place: what it means and what its reader should do next.

Pure: domain code may import it. `docs/errors.md` is compared with this list, and a reason, once published, keeps its
name and meaning for ever: clients branch on it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """A stable, machine-readable cause; its value is its name. Sent as `google.rpc.ErrorInfo.reason`."""

    meaning: str
    remedy: str

    def __new__(cls, name: str, meaning: str, remedy: str) -> Self:
        """Build a member that is its name and carries one line of meaning and one line of remedy."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        member.remedy = remedy
        return member

    # --- who is calling -------------------------------------------------------------------------------------------
    TOKEN_MISSING = "TOKEN_MISSING", "The call carries no bearer token.", "Send metadata `authorization: Bearer …`."
    TOKEN_INVALID = "TOKEN_INVALID", "The token can't be trusted or read.", "Make a token with the suite's own key."
    TOKEN_EXPIRED = "TOKEN_EXPIRED", "The token's time is over.", "Make a new token; check the caller's clock."
    SCOPE_MISSING = "SCOPE_MISSING", "The token lacks every scope the method accepts.", "Use a token with such a scope."
    TENANT_MISSING = (
        "TENANT_MISSING",
        "An internal call does not say for which tenant it acts.",
        "Send metadata `x-meterline-tenant`.",
    )
    TENANT_FOREIGN = (
        "TENANT_FOREIGN",
        "A user's token names another tenant than the call.",
        "Leave `x-meterline-tenant` out: the tenant comes from the token.",
    )

    # --- the call itself ------------------------------------------------------------------------------------------
    REQUEST_INVALID = "REQUEST_INVALID", "The request breaks a rule of its contract.", "Mend the fields that are named."
    FIELD_REQUIRED = "FIELD_REQUIRED", "A required field is empty.", "Fill the field."
    FIELD_INVALID = "FIELD_INVALID", "A field's value is not allowed.", "See the field's comment in the contract."
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID", "The page token was not made by this list.", "Start at the first page."
    REQUEST_ID_REUSED = (
        "REQUEST_ID_REUSED",
        "The request_id was used before with another body.",
        "Use a new request_id for a new request.",
    )
    METHOD_UNKNOWN = "METHOD_UNKNOWN", "The server does not know the method.", "Check the address and its version."
    DEADLINE_TOO_SHORT = (
        "DEADLINE_TOO_SHORT",
        "Too little of the deadline is left to do the work.",
        "Call again with a longer deadline.",
    )
    DEADLINE_EXCEEDED = (
        "DEADLINE_EXCEEDED",
        "The deadline passed before the work was done; it may be done or not.",
        "Call again with the same ids: repeating is safe.",
    )
    MESSAGE_TOO_LARGE = (
        "MESSAGE_TOO_LARGE",
        "A message is larger than the server takes, also once unpacked.",
        "Send smaller batches; don't retry unchanged.",
    )
    OVERLOADED = "OVERLOADED", "The server has as much work as it can hold.", "Call again after RetryInfo's delay."
    UNAVAILABLE = "UNAVAILABLE", "The server can't be reached, or not now.", "Call again with backoff."
    SERVICE_NOT_READY = (
        "SERVICE_NOT_READY",
        "The service is starting, or its schema is older than its code.",
        "Run its migrations; call again after RetryInfo's delay.",
    )
    DATABASE_UNAVAILABLE = (
        "DATABASE_UNAVAILABLE",
        "The service's database can't be reached or broke the connection.",
        "Call again with backoff and the same ids.",
    )
    UPSTREAM_UNAVAILABLE = (
        "UPSTREAM_UNAVAILABLE",
        "The service this one asks can't be reached.",
        "Call again with backoff.",
    )
    TRANSACTION_CONFLICT = (
        "TRANSACTION_CONFLICT",
        "Another call changed the same rows at the same time; nothing was written.",
        "Call again at once.",
    )
    INTERNAL = (
        "INTERNAL",
        "A defect of the server; its log holds the cause under the correlation id.",
        "Report the correlation id.",
    )

    # --- ingest: one event or one batch ---------------------------------------------------------------------------
    BATCH_EMPTY = "BATCH_EMPTY", "The batch holds no event.", "Send at least one event."
    BATCH_TOO_LARGE = "BATCH_TOO_LARGE", "The batch holds more events or bytes than allowed.", "Split the batch."
    EVENT_TOO_LARGE = "EVENT_TOO_LARGE", "The event has more bytes than allowed.", "Send fewer or shorter properties."
    ID_INVALID = "ID_INVALID", "The id is empty, too long or holds forbidden characters.", "Use 1-128 printable bytes."
    TEXT_INVALID = (
        "TEXT_INVALID",
        "The text is empty where it must not be, or holds control or direction characters.",
        "Send printable text.",
    )
    TEXT_TOO_LONG = "TEXT_TOO_LONG", "The text has more bytes than allowed.", "Shorten it."
    TIME_INVALID = "TIME_INVALID", "The time is missing or outside years 1 to 9999.", "Send a valid timestamp."
    TIME_IN_FUTURE = "TIME_IN_FUTURE", "The event lies too far ahead of the server's clock.", "Check the clock."
    TIME_TOO_OLD = (
        "TIME_TOO_OLD",
        "The event is older than late events may be.",
        "Send it inside an open backfill that covers its time.",
    )
    PROPERTIES_TOO_MANY = "PROPERTIES_TOO_MANY", "The event has more properties than allowed.", "Send fewer."
    PROPERTY_KEY_INVALID = (
        "PROPERTY_KEY_INVALID",
        "A property's key is empty, too long or holds forbidden characters.",
        "Use 1-64 bytes.",
    )
    PROPERTY_VALUE_INVALID = (
        "PROPERTY_VALUE_INVALID",
        "A property's value holds forbidden characters.",
        "Send printable text.",
    )
    PROPERTY_VALUE_TOO_LONG = (
        "PROPERTY_VALUE_TOO_LONG",
        "A property's value is longer than allowed.",
        "Shorten it.",
    )
    TRACEPARENT_INVALID = (
        "TRACEPARENT_INVALID",
        "The traceparent is not in W3C form.",
        "Send `00-<32 hex>-<16 hex>-<2 hex>` or leave it out.",
    )
    COLUMN_LENGTH_MISMATCH = (
        "COLUMN_LENGTH_MISMATCH",
        "A column has another length than the ids.",
        "Send one entry per event in each column, or none.",
    )
    COLUMN_INDEX_OUT_OF_RANGE = (
        "COLUMN_INDEX_OUT_OF_RANGE",
        "A column's index points past its distinct values.",
        "Build the columns anew.",
    )
    ID_CONFLICT = (
        "ID_CONFLICT",
        "The id was accepted before with another body; the first one stands.",
        "Use a new id, or leave the event out.",
    )
    BACKFILL_NOT_OPEN = (
        "BACKFILL_NOT_OPEN",
        "No open backfill of that id covers the event's time.",
        "Open a backfill for the range first.",
    )
    BACKFILL_NOT_FOUND = "BACKFILL_NOT_FOUND", "There is no backfill of that id.", "List the backfills."
    EVENT_NOT_FOUND = "EVENT_NOT_FOUND", "No event of that source and id was accepted.", "Check source and id."

    # --- the feed -------------------------------------------------------------------------------------------------
    FEED_DIVERGED = (
        "FEED_DIVERGED",
        "The reader's place is not in this log: other epoch or other chain (a restored database?).",
        "Stop and follow the runbook; never skip ahead.",
    )
    FEED_POSITION_AHEAD = (
        "FEED_POSITION_AHEAD",
        "The reader's place lies past the head of the log.",
        "Stop and follow the runbook: the log lost its end.",
    )
    FEED_GAP = "FEED_GAP", "A segment does not follow the one before it.", "Stop and follow the runbook."
    FEED_CORRUPT = "FEED_CORRUPT", "A segment's bytes do not match its digest.", "Stop and follow the runbook."
    LANE_NOT_FOUND = "LANE_NOT_FOUND", "The log has no such lane.", "Ask for the heads of the log."

    # --- aggregator -----------------------------------------------------------------------------------------------
    METER_NOT_FOUND = "METER_NOT_FOUND", "There is no meter of that name.", "List the meters."
    METER_INVALID = "METER_INVALID", "The meter's definition contradicts itself.", "Mend the fields that are named."
    NO_METER = "NO_METER", "No meter counts events of that type.", "Define a meter, then requeue."
    VALUE_MISSING = "VALUE_MISSING", "The event lacks the property the meter counts.", "Mend the producer or the meter."
    VALUE_INVALID = (
        "VALUE_INVALID",
        "The value the meter counts is not a decimal.",
        "Mend the producer or the meter.",
    )
    USAGE_NOT_READY = (
        "USAGE_NOT_READY",
        "Usage of the period is not complete yet.",
        "Call again after RetryInfo's delay.",
    )
    USAGE_BEHIND = "USAGE_BEHIND", "Usage is not as fresh as was asked for.", "Call again after RetryInfo's delay."
    TIME_ZONE_UNKNOWN = "TIME_ZONE_UNKNOWN", "The time zone is not in the IANA list.", "Use e.g. Europe/Vienna."
    WINDOW_INVALID = (
        "WINDOW_INVALID",
        "The time range is empty, too wide or off the meter's grid.",
        "Mend start and end; the range is half-open.",
    )
    GROUP_UNKNOWN = "GROUP_UNKNOWN", "The meter has no such group-by property.", "Ask for a property of the meter."
    SNAPSHOT_NOT_FOUND = "SNAPSHOT_NOT_FOUND", "There is no sealed snapshot of that id.", "Seal the usage first."

    # --- rating ---------------------------------------------------------------------------------------------------
    PRODUCT_NOT_FOUND = "PRODUCT_NOT_FOUND", "There is no product of that name.", "List the products."
    PLAN_NOT_FOUND = "PLAN_NOT_FOUND", "There is no plan, or plan version, of that name.", "List the plans."
    PLAN_INVALID = "PLAN_INVALID", "The plan contradicts itself.", "Mend the fields that are named."
    PRICE_INVALID = "PRICE_INVALID", "The price is not an allowed decimal or model.", "Send decimal text, such as 0.05."
    TIERS_INVALID = (
        "TIERS_INVALID",
        "The tiers are empty, out of order, or the last one has an upper bound.",
        "Give rising upper bounds and leave the last one open.",
    )
    CUSTOMER_NOT_FOUND = "CUSTOMER_NOT_FOUND", "There is no customer of that name.", "Create the customer first."
    CONTRACT_NOT_FOUND = (
        "CONTRACT_NOT_FOUND",
        "There is no such contract, or none in that period.",
        "List the customer's contracts.",
    )
    CONTRACT_INVALID = "CONTRACT_INVALID", "The contract contradicts itself.", "Mend the fields that are named."
    CONTRACT_OVERLAP = (
        "CONTRACT_OVERLAP",
        "The customer has another contract in the same time.",
        "End the other one first.",
    )
    CURRENCY_UNKNOWN = "CURRENCY_UNKNOWN", "The currency is not an ISO 4217 code of the suite.", "Use e.g. EUR."
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH", "Two amounts that must agree differ in currency.", "Use one currency."
    PERIOD_INVALID = (
        "PERIOD_INVALID",
        "The period is not one of the contract's billing periods.",
        "Ask for a period of the contract.",
    )
    CHARGE_NOT_FOUND = "CHARGE_NOT_FOUND", "There is no charge of that id.", "List the customer's charges."
    CATALOG_CONFLICT = (
        "CATALOG_CONFLICT",
        "The catalog entry can't be changed that way without touching the past.",
        "Make a new version with a later effective date.",
    )

    # --- invoicing ------------------------------------------------------------------------------------------------
    INVOICE_NOT_FOUND = "INVOICE_NOT_FOUND", "There is no invoice of that number.", "List the invoices."
    LINE_NOT_FOUND = "LINE_NOT_FOUND", "There is no invoice line of that id.", "Show the invoice."
    GRACE_OPEN = (
        "GRACE_OPEN",
        "The period has ended, but late usage may still come in.",
        "Finalise after the grace time.",
    )
    LINEAGE_MISMATCH = (
        "LINEAGE_MISMATCH",
        "The events found again do not match what the line billed.",
        "Stop and follow the runbook.",
    )
