"""Reads the values of parameters. Typer does it with pydantic, which takes longer to load than most commands do."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typer._click import Command

_SIMPLE: Final = (str, Path, bool, int)


def read_plainly(command: Command) -> Command:
    """Have the parameters of a command and of those below it read here; a kind that is not known here is left to typer.

    A version of typer that knows nothing of this attribute reads all by itself again, only slower.
    """
    # Asked for in this way, the parameters have `--help` among them.
    parameters: list[Any] = command.get_params(typer.Context(command))
    for parameter in parameters:
        kind = _kind(parameter.type_descriptor.annotation)
        if kind is not None:
            parameter._runtime_param = _Reader(kind, parameter.type_descriptor.parameter_info)  # noqa: SLF001
    for child in getattr(command, "commands", {}).values():
        read_plainly(child)
    return command


def _kind(annotation: Any) -> type | None:
    """Return what one value is read as: T for T, T | None and list[T]."""
    named = [kind for kind in get_args(annotation) if kind is not type(None)]
    if get_origin(annotation) is None:
        is_known = isinstance(annotation, type) and (annotation in _SIMPLE or issubclass(annotation, Enum))
        return annotation if is_known else None
    return _kind(named[0]) if len(named) == 1 else None


class _Reader:
    def __init__(self, kind: Any, info: Any) -> None:
        self._kind = kind
        self._min, self._max = info.min, info.max

    def coerce(self, value: Any, param: Any, ctx: typer.Context) -> Any:
        """Return the value as the command takes it. Raises typer.BadParameter."""
        is_list = param.multiple or param.nargs == -1
        try:
            if is_list:
                return [self._read(text) for text in value or ()]
            return None if value is None else self._read(value)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=ctx, param=param) from None

    def _read(self, text: Any) -> Any:
        if isinstance(text, self._kind) and self._kind is not int:
            return text
        if issubclass(self._kind, Enum):
            return _member(self._kind, text)
        if self._kind is int:
            return self._number(text)
        return self._kind(text)

    def _number(self, text: Any) -> int:
        try:
            number = int(text)
        except ValueError:
            message = f"{text!r} isn't a whole number"
            raise ValueError(message) from None
        too_small = self._min is not None and number < self._min
        if too_small or (self._max is not None and number > self._max):
            message = (
                f"{number} isn't in the range from {self._min} to {self._max}"
                if self._max
                else f"{number} is less than {self._min}"
            )
            raise ValueError(message)
        return number


def _member(kind: type[Enum], text: str) -> Enum:
    names: Sequence[str] = [member.value for member in kind]
    if text not in names:
        message = f"{text!r} isn't one of {', '.join(names)}"
        raise ValueError(message)
    return kind(text)
