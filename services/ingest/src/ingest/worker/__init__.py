"""What runs behind the calls: small ones are gathered into batches, and batches are committed in groups."""

from __future__ import annotations

from ingest.worker.committer import Callers, Committer, Outcome, Submission, backfill_not_open
from ingest.worker.gatherer import Call, Gatherer

__all__ = ["Call", "Callers", "Committer", "Gatherer", "Outcome", "Submission", "backfill_not_open"]
