"""Whatever is asked by the description is answered by the description: never by a defect, always in its form."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import schemathesis.openapi
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from portal.web.app import api

SCHEMA = schemathesis.openapi.from_dict(api().openapi())
FOUND: Any = SCHEMA.get_all_operations()
# A stream of changes has no end that an answer could be judged by.
OPERATIONS = [each for each in (found.ok() for found in FOUND) if each.path != "/api/v1/changes"]
QUESTIONS_MAX = 40


def check_no_defect(_context: Any, response: Any, _case: Any) -> None:
    """Refuse what tells of a defect; a neighbor that is away is none, and the fakes never are."""
    assert response.status_code < 500, response.text


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
async def test_no_question_meets_a_defect_and_every_answer_has_its_form(portal: Any, operation: Any) -> None:
    if "/operator/" in operation.path:
        token = portal.key.mint("fuzzed", ["read", "admin"])
    else:
        token = (await portal.session(tenant="fuzzed")).token
    asked = []

    @given(case=operation.as_strategy())
    @settings(
        max_examples=QUESTIONS_MAX,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        response = case.call(base_url=portal.url, headers={"authorization": f"Bearer {token}"}, timeout=30)
        asked.append(response.status_code)
        case.validate_response(
            response, checks=[check_no_defect, content_type_conformance, response_schema_conformance]
        )

    # The portal answers in this thread's loop.
    await asyncio.to_thread(ask)
    assert len(asked) >= 1
    assert 429 not in asked
