"""Versions of plans."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import RowMapping

from rating.domain.notice_rule import NoticeRule
from rating.domain.plans import Plan
from rating.store.documents import item_from_document, item_to_document
from rating.store.features import feature_from_document, feature_to_document
from rating.store.plan_bounds import bounds_from_document, bounds_to_document
from rating.store.taking_effect import effect_from_document, effect_to_document
from rating.store.versions import VersionTable


def _to_columns(plan: Plan) -> dict[str, Any]:
    return {
        "currency": plan.currency,
        "effective_from": plan.effective_from,
        "description": plan.description,
        "items": json.dumps([item_to_document(item) for item in plan.items]),
        "features": json.dumps([feature_to_document(feature) for feature in plan.features]),
        "bounds": json.dumps(bounds_to_document(plan.bounds)),
        "notice": json.dumps(None if plan.notice is None else asdict(plan.notice)),
        "effect": json.dumps(effect_to_document(plan.effect)),
    }


def _from_row(row: RowMapping) -> Plan:
    items = tuple(item_from_document(document) for document in json.loads(row["items"]))
    features = tuple(feature_from_document(document) for document in json.loads(row["features"]))
    notice = json.loads(row["notice"])
    return Plan(
        row["currency"],
        items,
        row["description"],
        _utc(row["effective_from"]),
        features,
        notice=None if notice is None else NoticeRule(**notice),
        bounds=bounds_from_document(json.loads(row["bounds"])),
        effect=effect_from_document(json.loads(row["effect"])),
    )


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(UTC)


PLANS: Final = VersionTable(
    "plan",
    ("currency", "effective_from", "description", "items", "features", "notice", "bounds", "effect"),
    _to_columns,
    _from_row,
    frozenset({"items", "features", "notice", "bounds", "effect"}),
)
