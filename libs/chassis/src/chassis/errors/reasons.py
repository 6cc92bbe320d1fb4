"""Every stable reason of the suite in one place: what it means, and what to do about it.

This module is pure, so domain code may import it. A test compares `docs/errors.md` with this list. Once a reason is
published, its name and meaning never change, because clients branch on it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """A stable, machine-readable cause, whose value is its name. It is sent as `google.rpc.ErrorInfo.reason`."""

    meaning: str
    remedy: str

    def __new__(cls, name: str, meaning: str, remedy: str) -> Self:
        """Build a member whose value is its name, with one line of meaning and one line of remedy."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        member.remedy = remedy
        return member

    # --- who is calling -------------------------------------------------------------------------------------------
    TOKEN_MISSING = "TOKEN_MISSING", "The call carries no bearer token.", "Send metadata `authorization: Bearer …`."
    TOKEN_INVALID = (
        "TOKEN_INVALID",
        "The token can't be read, or its signature isn't trusted.",
        "Make a token with a key that the suite trusts.",
    )
    TOKEN_EXPIRED = "TOKEN_EXPIRED", "The token has expired.", "Make a new token; check the caller's clock."
    TOKEN_REVOKED = "TOKEN_REVOKED", "The token was revoked before its end.", "Ask whoever revoked it for a new one."
    KEY_RIGHTS_EXCEEDED = (
        "KEY_RIGHTS_EXCEEDED",
        "The token claims a scope or a tenant that the key which signed it may not give.",
        "Sign it with a key that may, or claim less.",
    )
    SCOPE_MISSING = (
        "SCOPE_MISSING",
        "The token has none of the scopes the method accepts.",
        "Use a token with one of them.",
    )
    TENANT_MISSING = (
        "TENANT_MISSING",
        "An internal call does not say which tenant it acts for.",
        "Send metadata `x-meterline-tenant`.",
    )
    TENANT_FOREIGN = (
        "TENANT_FOREIGN",
        "The token's tenant and the tenant named in the call differ.",
        "Leave out `x-meterline-tenant`: the tenant comes from the token.",
    )
    CERTIFICATE_FOREIGN = (
        "CERTIFICATE_FOREIGN",
        "A service's token came without a TLS certificate whose name may call this service.",
        "Add the certificate's name to `TLS_INTERNAL_NAMES` of the called service, or fix the caller's certificate.",
    )
    CUSTOMER_BOUND = (
        "CUSTOMER_BOUND",
        "The call concerns the tenant as a whole, and its caller acts for one customer.",
        "Ask for what belongs to the customer, or call with a token of the tenant.",
    )
    CUSTOMER_MISSING = (
        "CUSTOMER_MISSING",
        "The token allows only calls that act for a customer, and the call names none.",
        "Send metadata `x-meterline-customer`.",
    )
    CUSTOMER_FOREIGN = (
        "CUSTOMER_FOREIGN",
        "The token's customer and the customer named in the call's metadata differ.",
        "Leave out `x-meterline-customer`: the customer comes from the token.",
    )

    # --- the call itself ------------------------------------------------------------------------------------------
    REQUEST_INVALID = (
        "REQUEST_INVALID",
        "The request breaks a rule of its contract.",
        "Fix the fields listed in the error.",
    )
    FIELD_REQUIRED = "FIELD_REQUIRED", "A required field is empty.", "Fill in the field."
    FIELD_INVALID = "FIELD_INVALID", "A field's value is not allowed.", "See the field's comment in the contract."
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID", "The page token is not from this list.", "Start at the first page."
    REQUEST_ID_REUSED = (
        "REQUEST_ID_REUSED",
        "The request_id was already used with a different body.",
        "Use a new request_id for a new request.",
    )
    METHOD_UNKNOWN = "METHOD_UNKNOWN", "The server does not know the method.", "Check the server's address and version."
    DEADLINE_TOO_SHORT = (
        "DEADLINE_TOO_SHORT",
        "Too little time is left before the deadline to do the work.",
        "Call again with a longer deadline.",
    )
    DEADLINE_EXCEEDED = (
        "DEADLINE_EXCEEDED",
        "The deadline passed before the answer; the work may or may not have been done.",
        "Call again with the same ids: this is safe.",
    )
    MESSAGE_TOO_LARGE = (
        "MESSAGE_TOO_LARGE",
        "A message, as sent or once decompressed, is larger than its receiver accepts.",
        "Send smaller batches, or ask for pages; don't retry the same message.",
    )
    OVERLOADED = "OVERLOADED", "The server has as much work as it can take.", "Call again after the delay in RetryInfo."
    RATE_LIMITED = (
        "RATE_LIMITED",
        "The tenant sends more calls, bytes or events a second than its limit.",
        "Call again after the delay in RetryInfo; the SDK does so by itself.",
    )
    REQUEST_LATE = (
        "REQUEST_LATE",
        "The request did not arrive in full within the time the server waits for it.",
        "Send it again, in smaller parts if the connection is slow.",
    )
    UNAVAILABLE = "UNAVAILABLE", "The server can't be reached at the moment.", "Call again with backoff."
    SERVICE_NOT_READY = (
        "SERVICE_NOT_READY",
        "The service is starting, or its schema is older than its code.",
        "Run its migrations, or call again after the delay in RetryInfo.",
    )
    DATABASE_UNAVAILABLE = (
        "DATABASE_UNAVAILABLE",
        "The service's database can't be reached, or it closed the connection.",
        "Call again with backoff and the same ids.",
    )
    UPSTREAM_UNAVAILABLE = (
        "UPSTREAM_UNAVAILABLE",
        "The service that this one depends on can't be reached.",
        "Call again with backoff.",
    )
    TRANSACTION_CONFLICT = (
        "TRANSACTION_CONFLICT",
        "Another call changed the same rows at the same time; nothing was written.",
        "Call again at once.",
    )
    INTERNAL = (
        "INTERNAL",
        "A defect in the server; its log has the cause under the correlation id.",
        "Report the correlation id.",
    )

    DATA_CORRUPTED = (
        "DATA_CORRUPTED",
        "What is stored is not what was written: it does not match its digest, so it was changed or damaged.",
        "Follow the runbook data-corrupted; nothing that does not match is served.",
    )

    # --- ingest: one event or one batch ---------------------------------------------------------------------------
    BATCH_EMPTY = "BATCH_EMPTY", "The batch contains no events.", "Send at least one event."
    BATCH_TOO_LARGE = "BATCH_TOO_LARGE", "The batch has more events or bytes than allowed.", "Split the batch."
    EVENT_TOO_LARGE = "EVENT_TOO_LARGE", "The event has more bytes than allowed.", "Send fewer or shorter properties."
    ID_INVALID = "ID_INVALID", "The id is empty, too long or breaks the rule for names.", "See docs/text.md."
    TEXT_INVALID = (
        "TEXT_INVALID",
        "The text is empty but must not be, or breaks the rule for names: an invisible character, say.",
        "Do what the message says; docs/text.md has the rule.",
    )
    TEXT_TOO_LONG = "TEXT_TOO_LONG", "The text has more bytes than allowed.", "Shorten it."
    TIME_INVALID = (
        "TIME_INVALID",
        "The time is missing, outside years 1 to 9999, or finer than a microsecond.",
        "Send a valid timestamp.",
    )
    TIME_IN_FUTURE = "TIME_IN_FUTURE", "The event is too far ahead of the server's clock.", "Check the clocks."
    TIME_TOO_OLD = (
        "TIME_TOO_OLD",
        "The event is older than a late event may be, or lies before the earliest time that ingest accepts at all.",
        "Check the unit and format of its time. If it is right, send it inside an open backfill that covers it.",
    )
    PROPERTIES_TOO_MANY = "PROPERTIES_TOO_MANY", "The event has more properties than allowed.", "Send fewer."
    PROPERTY_KEY_INVALID = (
        "PROPERTY_KEY_INVALID",
        "A property's key is empty, too long or breaks the rule for names.",
        "Use 1-64 bytes; docs/text.md has the rule.",
    )
    PROPERTY_VALUE_INVALID = (
        "PROPERTY_VALUE_INVALID",
        "A property's value has forbidden characters.",
        "Send printable text.",
    )
    PROPERTY_VALUE_TOO_LONG = (
        "PROPERTY_VALUE_TOO_LONG",
        "A property's value is longer than allowed.",
        "Shorten it.",
    )
    TRACEPARENT_INVALID = (
        "TRACEPARENT_INVALID",
        "The traceparent is not in the W3C format.",
        "Send `00-<32 hex>-<16 hex>-<2 hex>` or leave it out.",
    )
    COLUMN_LENGTH_MISMATCH = (
        "COLUMN_LENGTH_MISMATCH",
        "A column's length differs from the number of ids.",
        "In each column, send one entry per event or none at all.",
    )
    COLUMN_INDEX_OUT_OF_RANGE = (
        "COLUMN_INDEX_OUT_OF_RANGE",
        "An index in a column points past the column's distinct values.",
        "Rebuild the columns.",
    )
    ID_CONFLICT = (
        "ID_CONFLICT",
        "The id was already accepted with a different body; the first event stands.",
        "Use a new id, or leave out the event.",
    )
    BACKFILL_NOT_OPEN = (
        "BACKFILL_NOT_OPEN",
        "No open backfill with that id covers the event's time.",
        "Open a backfill for the range first.",
    )
    BACKFILL_NOT_FOUND = "BACKFILL_NOT_FOUND", "There is no backfill with that id.", "List the backfills."
    EVENT_NOT_FOUND = "EVENT_NOT_FOUND", "No event with that source and id was accepted.", "Check them."

    # --- the feed -------------------------------------------------------------------------------------------------
    FEED_DIVERGED = (
        "FEED_DIVERGED",
        "The place is not in this log: epoch or chain differs, or the log was restored and has lost it.",
        "Follow the runbook feed-halted, which has a command for each case; never skip ahead.",
    )
    FEED_POSITION_AHEAD = (
        "FEED_POSITION_AHEAD",
        "The reader's position lies past the head of the log: its end was lost.",
        "Renew the epoch of the log that was restored, as the runbook feed-halted says.",
    )
    FEED_GAP = "FEED_GAP", "A segment does not continue the one before it.", "Stop and follow the runbook."
    FEED_CORRUPT = "FEED_CORRUPT", "A segment does not match its digest or chain.", "Stop and follow the runbook."
    LANE_NOT_FOUND = "LANE_NOT_FOUND", "The log has no such lane.", "Ask for the heads of the log."

    # --- aggregator -----------------------------------------------------------------------------------------------
    METER_NOT_FOUND = "METER_NOT_FOUND", "There is no meter with that name.", "List the meters."
    METER_INVALID = "METER_INVALID", "The meter's definition contradicts itself.", "Fix the fields listed in the error."
    METERS_TOO_MANY = (
        "METERS_TOO_MANY",
        "The tenant has as many meters as the installation allows.",
        "Use a meter that exists, grouped by properties; or have the operator raise METERS_MAX.",
    )
    NO_METER = "NO_METER", "No meter counts events of that type.", "Define a meter: it counts them from the log."
    VALUE_MISSING = "VALUE_MISSING", "The event lacks the property the meter counts.", "Fix the producer or the meter."
    VALUE_INVALID = (
        "VALUE_INVALID",
        "The value the meter counts is not a decimal.",
        "Fix the producer or the meter.",
    )
    NOT_STORABLE = (
        "NOT_STORABLE",
        "What the event adds to a meter is beyond exact arithmetic.",
        "Mend the meter or send a corrected event, then rebuild the meter.",
    )
    VALUE_NEGATIVE = (
        "VALUE_NEGATIVE",
        "The value is below zero, and the meter parks such values.",
        "Fix the producer; or let the meter count them.",
    )
    GROUPS_TOO_MANY = (
        "GROUPS_TOO_MANY",
        "An earlier release parked the event, because its meter had as many groups as it may.",
        "Requeue it: it counts in the group of all that the meter does not tell apart.",
    )
    SCHEMA_NOT_FOUND = "SCHEMA_NOT_FOUND", "There is no schema of that event type.", "List the schemas."
    SCHEMA_INVALID = "SCHEMA_INVALID", "The schema contradicts itself.", "Fix the fields listed in the error."
    SCHEMAS_TOO_MANY = (
        "SCHEMAS_TOO_MANY",
        "The tenant has as many schemas as there may be.",
        "Leave types whose events need no check without a schema.",
    )
    SCHEMA_PROPERTY_MISSING = (
        "SCHEMA_PROPERTY_MISSING",
        "The event lacks a property that the schema of its type requires.",
        "Fix the producer and replace the event; or mend the schema, then requeue.",
    )
    SCHEMA_TYPE = (
        "SCHEMA_TYPE",
        "A property has not the type that the schema demands.",
        "Fix the producer and replace the event; or mend the schema, then requeue.",
    )
    SCHEMA_VALUE = (
        "SCHEMA_VALUE",
        "A property is none of the values that the schema allows.",
        "Fix the producer and replace the event; or mend the schema, then requeue.",
    )
    SCHEMA_RANGE = (
        "SCHEMA_RANGE",
        "A number lies outside the range that the schema allows.",
        "Fix the producer and replace the event; or mend the schema, then requeue.",
    )
    SCHEMA_LENGTH = (
        "SCHEMA_LENGTH",
        "A text is shorter or longer than the schema allows.",
        "Fix the producer and replace the event; or mend the schema, then requeue.",
    )
    SCHEMA_PATTERN = (
        "SCHEMA_PATTERN",
        "A text does not match the pattern of the schema.",
        "Fix the producer and replace the event; or mend the schema, then requeue.",
    )
    SCHEMA_PROPERTY_UNKNOWN = (
        "SCHEMA_PROPERTY_UNKNOWN",
        "The event has a property that its schema does not name, and the schema holds such events.",
        "Name the property in the schema or allow unknown ones, then requeue; or fix the producer.",
    )
    SCHEMA_UNIT = (
        "SCHEMA_UNIT",
        "A number that the schema brings to another unit can't be multiplied.",
        "Fix the producer and replace the event; or mend the schema, then requeue.",
    )
    USAGE_NOT_READY = (
        "USAGE_NOT_READY",
        "The usage of the period is not fully counted yet.",
        "Call again after the delay in RetryInfo.",
    )
    USAGE_BEHIND = "USAGE_BEHIND", "Usage is not as fresh as requested.", "Call again after the delay in RetryInfo."
    TIME_ZONE_UNKNOWN = "TIME_ZONE_UNKNOWN", "The time zone is not an IANA name.", "Use a name such as Europe/Vienna."
    WINDOW_INVALID = (
        "WINDOW_INVALID",
        "The time range is empty, too wide, or not aligned to the meter's windows.",
        "Fix start and end; the end is not part of the range.",
    )
    GROUP_UNKNOWN = "GROUP_UNKNOWN", "The meter does not group by that property.", "Use a property that it groups by."
    SCAN_TOO_LARGE = (
        "SCAN_TOO_LARGE",
        "More events of the log would have to be read than the question allows.",
        "Ask for a shorter period or for one customer, allow more, or let the meter group by the property.",
    )
    ANSWER_TOO_LARGE = (
        "ANSWER_TOO_LARGE",
        "The answer has to be whole, and it has more rows than fit.",
        "Ask for a shorter period, larger windows or fewer groups.",
    )
    SNAPSHOT_NOT_FOUND = "SNAPSHOT_NOT_FOUND", "There is no snapshot with that id.", "Seal the usage first."

    # --- rating ---------------------------------------------------------------------------------------------------
    PRODUCT_NOT_FOUND = "PRODUCT_NOT_FOUND", "There is no product with that name.", "List the products."
    PLAN_NOT_FOUND = "PLAN_NOT_FOUND", "There is no plan, or plan version, with that name.", "List the plans."
    PLAN_INVALID = "PLAN_INVALID", "The plan contradicts itself.", "Fix the fields listed in the error."
    PRICE_INVALID = (
        "PRICE_INVALID",
        "The price isn't a valid decimal or price model.",
        "Send decimal text, such as 0.05.",
    )
    TIERS_INVALID = (
        "TIERS_INVALID",
        "The tiers are empty, out of order, or the last one has an upper bound.",
        "Use rising upper bounds, and none for the last tier.",
    )
    CUSTOMER_NOT_FOUND = "CUSTOMER_NOT_FOUND", "There is no customer with that name.", "Create the customer first."
    CONTRACT_NOT_FOUND = (
        "CONTRACT_NOT_FOUND",
        "There is no such contract, or none in that period.",
        "List the customer's contracts.",
    )
    CONTRACT_INVALID = (
        "CONTRACT_INVALID",
        "The contract contradicts itself, or could never be billed.",
        "Fix the fields listed in the error.",
    )
    FEATURE_NOT_FOUND = (
        "FEATURE_NOT_FOUND",
        "The customer's plan has no feature with that name.",
        "List the customer's entitlements, or add the feature to the plan.",
    )
    ENTITLEMENT_INVALID = (
        "ENTITLEMENT_INVALID",
        "The feature, grant or reservation contradicts itself, or its meter can't be limited so.",
        "Fix the fields listed in the error.",
    )
    GRANT_NOT_FOUND = (
        "GRANT_NOT_FOUND",
        "There is no grant with that id.",
        "List the grants of the customer.",
    )
    CREDIT_INVALID = (
        "CREDIT_INVALID",
        "The credit contradicts itself, or could never be drawn.",
        "Fix the fields listed in the error.",
    )
    CREDIT_NOT_FOUND = (
        "CREDIT_NOT_FOUND",
        "There is no lot of credit with that id.",
        "See the customer's wallet.",
    )
    RESERVATION_NOT_FOUND = (
        "RESERVATION_NOT_FOUND",
        "There is no reservation with that id.",
        "Use the id that it was reserved by.",
    )
    RESERVATION_CONFLICT = (
        "RESERVATION_CONFLICT",
        "The id stands for another reservation, or that one has ended in another way.",
        "Choose a new id for a new reservation; settle or release each once.",
    )
    COUPON_NOT_FOUND = "COUPON_NOT_FOUND", "There is no coupon with that name.", "List the coupons."
    COUPON_INVALID = "COUPON_INVALID", "The coupon contradicts itself.", "Fix the fields listed in the error."
    COUPON_NOT_REDEEMABLE = (
        "COUPON_NOT_REDEEMABLE",
        "The coupon can't be redeemed now, or not for this contract.",
        "Do what the error says; list the coupon's redemptions to see who has it.",
    )
    CONTRACT_OVERLAP = (
        "CONTRACT_OVERLAP",
        "Two contracts of a customer would have the same meter, or the same feature with a limit, at one time.",
        "End one of them first, or give it a plan without what the error names.",
    )
    CURRENCY_UNKNOWN = "CURRENCY_UNKNOWN", "The currency isn't a supported ISO 4217 code.", "Use a code such as EUR."
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH", "Two currencies that must agree differ.", "Use one currency."
    PERIOD_INVALID = (
        "PERIOD_INVALID",
        "The period is not one of the contract's billing periods.",
        "Ask for one of the contract's periods.",
    )
    CHARGE_NOT_FOUND = "CHARGE_NOT_FOUND", "There is no charge with that id.", "List the customer's charges."
    CATALOG_CONFLICT = (
        "CATALOG_CONFLICT",
        "The catalog entry can't be changed that way without altering the past.",
        "Make a new version with a later effective date.",
    )

    # --- invoicing ------------------------------------------------------------------------------------------------
    INVOICE_NOT_FOUND = "INVOICE_NOT_FOUND", "There is no invoice with that number.", "List the invoices."
    LINE_NOT_FOUND = "LINE_NOT_FOUND", "There is no invoice line with that id.", "Look at the invoice."
    PERIOD_OPEN = "PERIOD_OPEN", "The period has not ended yet.", "Finalize after its end and the grace period."
    GRACE_OPEN = (
        "GRACE_OPEN",
        "The period has ended, but its grace period for late usage has not.",
        "Finalize after the grace period.",
    )
    NUMBERS_HELD = (
        "NUMBERS_HELD",
        "The database was restored, and nobody has said yet which number its series of invoices gave out last.",
        "State it with `meterline invoice state-last`; see the runbook restore.",
    )
    LINEAGE_MISMATCH = (
        "LINEAGE_MISMATCH",
        "The events that were found do not match what the line billed.",
        "Stop and follow the runbook.",
    )

    # --- portal ---------------------------------------------------------------------------------------------------
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND", "There is no portal session with that id.", "List the sessions."
    SESSION_REDEEMED = (
        "SESSION_REDEEMED",
        "The link was opened before: its code is good for one use.",
        "Ask for a new link.",
    )
    PROFILE_NOT_FOUND = (
        "PROFILE_NOT_FOUND",
        "The portal's profile has no such version.",
        "Ask for version 0, which is the newest.",
    )
    VIEW_NOT_FOUND = "VIEW_NOT_FOUND", "The portal has no such page or saved view.", "See the pages of the session."
    ORIGIN_FOREIGN = (
        "ORIGIN_FOREIGN",
        "The request comes from a page that may not make it.",
        "Add the page's origin to `allowed_origins` of the portal's profile.",
    )
