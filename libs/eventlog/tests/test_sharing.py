"""Laws of shared lanes: whoever comes and goes, each lane comes to be held by one, and the shares are even."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventlog.feed.sharing import lanes_to_hold

NAMES = st.lists(st.sampled_from("abcdefg"), unique=True, min_size=1)


def beat(lanes: int, holder_of: dict[int, str], followers: list[str], own: str) -> None:
    """What an instance does with the leases, as the tables have it."""
    held = lanes_to_hold(range(lanes), holder_of, followers, own)
    for lane in [lane for lane, holder in holder_of.items() if holder == own and lane not in held]:
        del holder_of[lane]
    for lane in held:
        assert holder_of.get(lane, own) == own, "taken from one that lives"
        holder_of[lane] = own


@given(lanes=st.integers(0, 9), stories=st.lists(NAMES, min_size=1))
def test_after_everybody_has_beaten_twice_each_lane_is_held_and_the_shares_are_even(
    lanes: int, stories: list[list[str]]
) -> None:
    holder_of: dict[int, str] = {}
    for followers in stories:
        holder_of = {lane: holder for lane, holder in holder_of.items() if holder in followers}
        kept = dict(holder_of)
        for own in followers * 2:
            beat(lanes, holder_of, followers, own)
        assert holder_of.keys() == set(range(lanes))
        shares = [sum(holder == own for holder in holder_of.values()) for own in followers]
        assert max(shares) - min(shares) <= 1
        # No more moves than the shares ask for.
        for own, share in zip(followers, shares, strict=True):
            had = {lane for lane, holder in kept.items() if holder == own}
            assert len({lane for lane in had if holder_of[lane] == own}) == min(len(had), share)


@given(lanes=st.integers(1, 9), followers=NAMES)
def test_one_alone_holds_all_at_its_first_beat(lanes: int, followers: list[str]) -> None:
    holder_of: dict[int, str] = {}
    beat(lanes, holder_of, followers[:1], followers[0])
    assert set(holder_of) == set(range(lanes))
