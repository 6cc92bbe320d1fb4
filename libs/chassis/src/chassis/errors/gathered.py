"""Several errors about one thing, told together: whoever mends it should see all at once. This module is pure."""

from __future__ import annotations

from chassis.errors import FieldViolation, InvalidRequest, MeterlineError, NotFound


class Gathered:
    """What is wrong so far."""

    def __init__(self) -> None:
        """Nothing is wrong yet."""
        self._found: list[tuple[str, MeterlineError]] = []

    def errors_of(self, field: str) -> _Keeping:
        """Keep an error of the block; it speaks of `field` where it names no field itself."""
        return _Keeping(field, self._found)

    def __bool__(self) -> bool:
        """Whether anything is wrong."""
        return bool(self._found)

    def raise_any(self) -> None:
        """Raise what is wrong, if anything is: one error as it is, several as InvalidRequest."""
        if not self._found:
            return
        if len(self._found) == 1:
            raise self._found[0][1]
        message = "; ".join(error.message for _, error in self._found)
        violations = tuple(
            violation
            for field, error in self._found
            for violation in error.violations or (FieldViolation(field, error.reason, error.message),)
        )
        raise InvalidRequest(self._found[0][1].reason, message, violations=violations)


class _Keeping:
    # A class, for a type checker can't see that a generator with `contextmanager` ends errors.
    def __init__(self, field: str, found: list[tuple[str, MeterlineError]]) -> None:
        self._field = field
        self._found = found

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, InvalidRequest | NotFound):
            return False
        self._found.append((self._field, error))
        return True
