"""Which currencies one can bill in."""

from __future__ import annotations

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import UnknownCurrencyError
from money import currency as find_currency


def check_currency(path: str, code: str) -> None:
    """Refuse a code that is not a currency one can bill in."""
    try:
        find_currency(code)
    except UnknownCurrencyError as error:
        raise Refused(path, Reason.CURRENCY_UNKNOWN, str(error)) from error
