"""The list: each bug, what has it, and the law that must fail by it.

Numbers are those of the list of real bugs that the suite was designed against. What other systems had is told in the
words of this one. Those without a switch can't be put in by replacing a function: what would have them is not there
(B17 is a bound on memory, which `test_reading.py` of invoicing measures).
"""

from __future__ import annotations

from typing import Final

from testkit.bugs import billing, feed, folding, intake
from testkit.bugs.switch import Bug

_CONSUMER: Final = "libs/eventlog/tests/test_consumer.py"
_INGEST: Final = "services/ingest/tests"
_AGGREGATOR: Final = "services/aggregator/tests"
_RATING: Final = "services/rating/tests"
_INVOICING: Final = "services/invoicing/tests"
_APPLY: Final = "eventlog.feed.consumer:FeedConsumer._commit"
_COMMIT: Final = "ingest.intake.committer:Committer._commit"
_KEYS: Final = "ingest.intake.writing:copy_keys"
_AGAIN: Final = f"{_INGEST}/rpc/test_reporting.py::test_a_batch_sent_again_is_all_duplicates_and_says_where_they_lie"
_POISONED: Final = (
    f"{_AGGREGATOR}/unit/test_fold.py::test_one_poisoned_value_in_a_thousand_parks_one_event_and_counts_the_rest"
)
_COLLIDING: Final = (
    f"{_INGEST}/rpc/test_reporting.py::test_colliding_batches_of_six_clients_in_two_processes_store_each_event_once"
)
_CUT_OFF: Final = (
    f"{_INGEST}/store/test_commits.py::test_a_commit_cut_off_while_it_waits_is_unavailable_and_safe_to_repeat"
)

BUGS: Final = (
    Bug(
        "B1",
        "a key is claimed before its event is written: a retry after a failure counts zero times",
        {_COMMIT: intake.claims_first},
        (_CUT_OFF,),
    ),
    Bug(
        "B2",
        "a replay is dropped because memory knows it and storage does not",
        {_APPLY: feed.forgets_what_only_it_remembers},
        (f"{_CONSUMER}::test_a_crash_at_any_step_neither_loses_nor_doubles",),
        "applied",
    ),
    Bug(
        "B3",
        "a second store decides what is a duplicate, and its write after the commit fails",
        {_KEYS: intake.loses_keys},
        (_AGAIN,),
    ),
    Bug(
        "B4",
        "who follows for the first time begins at the end",
        {"eventlog.feed.consumer:begin_checkpoints": feed.begins_at_the_end},
        (f"{_CONSUMER}::test_what_was_accepted_is_applied_once_and_in_order",),
    ),
    Bug(
        "B5",
        "retention goes by the time of events, so that what is told late is dropped after it was accepted",
        {"aggregator.operations.backlogs:LiveSelection.reads": folding.forgets_by_the_time_of_events},
        (f"{_AGGREGATOR}/rpc/test_seals.py::test_late_usage_gives_another_revision_whose_events_are_the_difference",),
    ),
    Bug(
        "B6",
        "one malformed record takes its whole batch with it",
        {
            "aggregator.domain.values:_read_texts": folding.falls_with_one,
            "aggregator.domain.matching:why_invalid": folding.blames_the_batch,
        },
        (_POISONED,),
    ),
    Bug(
        "B7",
        "NaN is taken for a number",
        {"aggregator.domain.values:parse_units": folding.takes_nan_for_a_number},
        (_POISONED,),
    ),
    Bug(
        "B8",
        "duplicates are tidied up later",
        {_KEYS: intake.takes_a_key_twice},
        (_COLLIDING,),
        "lambda>0",
    ),
    Bug(
        "B9",
        "an answer that is kept in memory outlives what it was counted of",
        {"aggregator.store.windows.remembered:RememberedPages.answer": folding.remembers_too_long},
        (f"{_AGGREGATOR}/store/test_flushes.py::test_pages_that_are_remembered_change_no_answer",),
        "1048576",
    ),
    Bug(
        "B10",
        "two runs at once bill one period twice",
        {
            "invoicing.store.lines:claim_snapshots": billing.bills_again,
            "invoicing.store.invoices:add_invoice": billing.bills_again,
            # They would be refused as well.
            "invoicing.store.lines:add_lines": billing.writes_nothing,
        },
        (f"{_INVOICING}/store/test_numbering.py::test_a_period_has_one_invoice_and_the_second_leaves_nothing",),
    ),
    Bug(
        "B11",
        "numbers are given outside of the transaction that uses them",
        {"invoicing.store.invoices:take_next_place": billing.gives_numbers_out_at_once},
        (f"{_INVOICING}/store/test_numbering.py::test_a_number_that_was_taken_in_vain_is_given_back",),
    ),
    Bug(
        "B12",
        "the total is not the sum of the lines",
        {"invoicing.domain.composition:_total": billing.rounds_the_sum},
        (f"{_INVOICING}/unit/test_composition.py::test_the_total_is_the_sum_of_what_is_printed_not_of_what_is_exact",),
    ),
    Bug(
        "B13",
        "what an invoice bills is not claimed by it",
        {"invoicing.store.lines:claim_snapshots": billing.bills_again},
        (f"{_INVOICING}/store/test_numbering.py::test_two_that_adjust_the_same_usage_at_once_are_not_both_written",),
    ),
    Bug(
        "B14-unread",
        "an event that a meter can't read is counted nowhere and listed nowhere",
        {"aggregator.store.parked:add_parked": folding.notes_nothing},
        (f"{_AGGREGATOR}/rpc/test_reconcile.py::test_every_accepted_event_is_somewhere",),
    ),
    Bug(
        "B14-unasked",
        "an event that no meter asks for is seen by nobody",
        {"aggregator.store.parked:set_unmatched": folding.notes_nothing},
        (f"{_AGGREGATOR}/rpc/test_reconcile.py::test_every_accepted_event_is_somewhere",),
    ),
    Bug(
        "B15",
        "periods are those of UTC",
        {"rating.domain.billing_period:local_midnight": billing.has_months_of_its_own},
        (f"{_RATING}/unit/test_billing_period.py::test_the_period_of_a_label",),
        "contract1-",
    ),
    Bug(
        "B16",
        "a failure is swallowed and looks like no usage (B23 too)",
        {"rating.domain.rated_period:charge_of_item": billing.takes_unknown_for_nothing},
        (f"{_RATING}/unit/test_catalog.py::test_a_meter_that_does_not_exist_is_never_taken_for_zero_usage",),
    ),
    Bug(
        "B18-refused",
        "what is sent again is refused as an error",
        {"ingest.intake.judging:Judge._compare": intake.refuses_what_it_has},
        (_AGAIN,),
    ),
    Bug(
        "B18-stalled",
        "one who fails stops all others",
        {"ingest.intake.queue:WorkQueue.work_on": intake.breaks_for_all},
        (f"{_INGEST}/unit/test_gathering.py::test_one_that_breaks_takes_no_other_with_it",),
    ),
    Bug(
        "B19",
        "whoever has the lock takes it for granted that it is still his turn",
        {"eventlog.feed.consumer:_holds": feed.takes_any_place_for_its_own},
        (f"{_CONSUMER}::test_two_consumers_of_one_name_apply_everything_once",),
    ),
    Bug(
        "B20",
        "a key is cut off",
        {"ingest.domain.keys:_digest": intake.shortens_ids},
        (_AGAIN,),
    ),
    Bug(
        "B21-first",
        "the place in the log is stored before what was done",
        {_APPLY: feed.moves_on_before_it_has_stored},
        (f"{_CONSUMER}::test_a_crash_at_any_step_neither_loses_nor_doubles",),
        "apply",
    ),
    Bug(
        "B21-later",
        "the place in the log is stored after what was done",
        {_APPLY: feed.stores_before_it_moves_on},
        (f"{_CONSUMER}::test_a_crash_at_any_step_neither_loses_nor_doubles",),
        "applied",
    ),
    Bug(
        "B22",
        "a commit that failed is acknowledged",
        {_COMMIT: intake.acknowledges_whatever_comes},
        (_CUT_OFF,),
    ),
    Bug(
        "B23-before",
        "a meter counts what happened before it came into effect",
        {"aggregator.domain.meters:microseconds_of": folding.counts_what_came_before},
        (f"{_AGGREGATOR}/unit/test_query.py::test_an_event_counts_by_the_newest_version_effective_at_its_time",),
    ),
    Bug(
        "B23-grace",
        "who bills and who counts have a grace of their own each",
        {"aggregator.wire.seals:seal_order_from_proto": folding.knows_no_grace},
        (f"{_AGGREGATOR}/rpc/test_seals.py::test_nothing_is_sealed_before_the_grace_is_over",),
    ),
    Bug(
        "B24",
        "two who change one list do not wait for one another",
        {
            "rating.operations.contracts:lock_entry": billing.writes_nothing,
            "rating.operations.side_by_side:contracts_of_customers": billing.reads_together,
        },
        (f"{_RATING}/rpc/test_catalog.py::test_racing_contracts_can_not_slip_past_one_another",),
    ),
)
