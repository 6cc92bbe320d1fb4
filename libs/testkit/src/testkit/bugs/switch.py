"""Puts a bug into the code of this process, and takes it out again.

A switch names functions of the suite as they are looked up (`module:name` or `module:Class.name`) and gives each a twin
that has the bug. The code itself has no switch: nothing of this can be on in production.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from inspect import getattr_static
from typing import Any

Twin = Callable[[Any], Any]
"""Makes the function with the bug of the one without it."""


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug: its number in the list of real ones, what it does, what to replace, and the tests that must fail by it.

    `caught_by` are tests as pytest names them, without their parameters; `parameter` picks the cases of those that have
    any by a part of their id.
    """

    id: str
    what: str
    twins: Mapping[str, Twin]
    caught_by: tuple[str, ...]
    parameter: str = ""


def caught_by(bugs: Iterable[Bug], law: str) -> list[Bug]:
    """Return the bugs that a law has to catch."""
    return [bug for bug in bugs if law in bug.caught_by]


@contextmanager
def switched_on(bug: Bug) -> Iterator[None]:
    """Run the block with a bug in the code. Raises AttributeError if what it replaces is no more."""
    with ExitStack() as stack:
        for target, twin in bug.twins.items():
            stack.enter_context(_replaced(target, twin))
        yield


@contextmanager
def _replaced(target: str, twin: Twin) -> Iterator[None]:
    module, _, path = target.partition(":")
    owner: Any = import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    real = getattr_static(owner, name)
    setattr(owner, name, twin(real))
    try:
        yield
    finally:
        setattr(owner, name, real)
