"""Generated lives of contracts: what happens to customers in a year, by a seed, as documents and events."""

from testkit.lives.story import LIVES_DEFAULT, YEAR, Life, Use, lives

__all__ = ["LIVES_DEFAULT", "YEAR", "Life", "Use", "lives"]
