"""The fixtures of this kit, as a pytest plugin: `pytest_plugins = ["testkit.plugin"]`."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from hypothesis import settings

from meterline.suite.databases import ServiceDatabase
from testkit.bugs import BUGS, Bug, caught_by, switched_on
from testkit.clock import FakeClock
from testkit.examples import ManyExamples
from testkit.postgres import Cluster, DatabaseMaker, running_cluster

if TYPE_CHECKING:
    from testkit.serving import Host


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of long runs of properties."""
    parser.addoption("--examples", type=int, metavar="N", help="run the properties alone, with N examples in all")


def pytest_configure(config: pytest.Config) -> None:
    """Give examples all the time they need, and choose properties and count their examples if that is asked for."""
    settings.register_profile("untimed", settings(), deadline=None)
    settings.load_profile("untimed")
    if asked := config.getoption("--examples"):
        config.pluginmanager.register(ManyExamples(asked))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_cluster() -> AsyncIterator[Cluster]:
    """Yield a throw-away Postgres cluster, one per test session."""
    async with running_cluster() as cluster:
        yield cluster


@pytest_asyncio.fixture(loop_scope="session")
async def fresh_database(postgres_cluster: Cluster) -> AsyncIterator[DatabaseMaker]:
    """Yield a function that makes a fresh, migrated database of a service; all are dropped after the test."""
    made: list[ServiceDatabase] = []

    async def make(service: str) -> ServiceDatabase:
        made.append(await postgres_cluster.fresh_database(service))
        return made[-1]

    yield make
    for database in made:
        await postgres_cluster.drop(database)


@pytest.fixture
def service_host(tmp_path: Path) -> Host:
    """Return the host that serves services inside the test's own process; see `testkit.serving.Host`."""
    # Imported here, because most tests don't need the servers' libraries.
    from testkit.serving import Host  # noqa: PLC0415
    from testkit.tokens import SigningKey  # noqa: PLC0415

    return Host(tmp_path, SigningKey.generate())


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that stands at the first second of 2026 until a test moves it."""
    return FakeClock()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let a law run once more with each bug that it has to catch: it must fail then."""
    bugs = caught_by(BUGS, metafunc.definition.nodeid)
    if bugs:
        metafunc.fixturenames.append("bug")
        metafunc.parametrize("bug", [None, *bugs], ids=["sound", *(bug.id for bug in bugs)])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the cases of a law that a bug is not tried with. Raises UsageError if none is left."""
    with_bug = [(item, bug) for item in items if (bug := _bug_of(item)) is not None]
    left_out = [item for item, bug in with_bug if bug.parameter not in item.name]
    untried = {bug.id for _, bug in with_bug} - {bug.id for item, bug in with_bug if item not in left_out}
    if untried:
        message = f"no case is tried with {sorted(untried)}: mend their parameter in testkit.bugs.catalog"
        raise pytest.UsageError(message)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run a law with the bug in the code, and fail if it does not."""
    bug = _bug_of(pyfuncitem)
    if bug is None:
        return (yield)
    with switched_on(bug):
        try:
            yield
        except (AssertionError, pytest.fail.Exception):
            return True
        except ValueError as error:
            # What the test unpacked was more or less than it expects.
            if traceback.extract_tb(error.__traceback__)[-1].filename != str(pyfuncitem.path):
                raise
            return True
    pytest.fail(f"{bug.id} was not caught: {bug.what}")


def _bug_of(item: pytest.Item) -> Bug | None:
    callspec = getattr(item, "callspec", None)
    bug: Bug | None = None if callspec is None else callspec.params.get("bug")
    return bug
