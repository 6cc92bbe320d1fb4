"""The supervisor's parts that need no process: context, back-off, files, ports, the lock."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from chassis.settings import ServiceSettings, longest_stop_s
from meterline.suite import context, files, host
from meterline.suite.child import describe_exit
from meterline.suite.directory import DataDirectory
from meterline.suite.errors import SuiteError
from meterline.suite.restarts import Backoff
from meterline.suite.services import SERVICES, STOP_STEPS


def test_a_context_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    saved = context.Context(
        services={"ingest": "127.0.0.1:1"},
        token="t",
        pids={"ingest": 2, "postgres": 3},
        dsn={"ingest": "postgresql://x"},
        health={"ingest": "127.0.0.1:4"},
        metrics={"ingest": "127.0.0.1:6"},
        data_dir=tmp_path,
        jwks_file=tmp_path / "jwks.json",
        supervisor=5,
        tls=context.Tls(tmp_path / "ca.pem", tmp_path / "me.pem", tmp_path / "me.key"),
        plaintext_allowed=True,
    )
    context.save(tmp_path / "ready.json", saved)

    assert context.load(tmp_path / "ready.json") == saved
    assert stat.S_IMODE((tmp_path / "ready.json").stat().st_mode) == 0o600
    assert "token" not in repr(saved)


def test_a_service_is_given_the_time_that_its_longest_stop_takes() -> None:
    settings = ServiceSettings(dsn=SecretStr("postgresql://x"), jwks_file=Path("x"))

    assert STOP_STEPS[0].limit_s > longest_stop_s(settings)


def test_a_renewed_token_is_taken_from_the_file_unless_another_one_was_given(tmp_path: Path) -> None:
    file, now_s = tmp_path / "ready.json", [0.0]
    context.save(file, context.Context(services={}, token="first"))
    loaded = context.load(file)
    renewed = context.ContextToken(loaded, lambda: now_s[0])
    given = context.ContextToken(context.with_token(loaded, "of another tenant"), lambda: now_s[0])

    context.save(file, context.Context(services={}, token="second"))
    assert renewed.token() == "first"
    now_s[0] = 31.0

    assert (renewed.token(), given.token()) == ("second", "of another tenant")


def test_a_context_made_by_hand_needs_only_addresses_and_a_token(tmp_path: Path) -> None:
    (tmp_path / "prod.json").write_text('{"services": {"ingest": "ingest.example:443"}, "token": "t"}')

    loaded = context.load(None, {context.ENVIRONMENT_KEY: str(tmp_path / "prod.json")})

    assert loaded.address("ingest") == "ingest.example:443"
    with pytest.raises(context.ContextError, match="names no service 'rating'"):
        loaded.address("rating")
    with pytest.raises(context.ContextError, match="names no data directory"):
        loaded.keys_directory()


def test_the_environment_stands_above_the_certificates_of_the_context(tmp_path: Path) -> None:
    file = tmp_path / "prod.json"
    file.write_text('{"services": {}, "token": "t", "tls": {"ca_file": "/ca.pem", "cert_file": "/me.pem"}}')

    loaded = context.load(file, {"METERLINE_CA_FILE": "/other.pem", "METERLINE_KEY_FILE": "/me.key"})

    assert loaded.tls == context.Tls(Path("/other.pem"), Path("/me.pem"), Path("/me.key"))
    assert not loaded.plaintext_allowed
    assert context.load(file, {"METERLINE_PLAINTEXT": "allowed"}).plaintext_allowed
    file.write_text('{"services": {}, "token": "t", "tls": {"ca": "/ca.pem"}}')
    with pytest.raises(context.ContextError, match="tls has no 'ca'"):
        context.load(file, {})


def test_without_a_context_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(context.ContextError, match="start one with `meterline up`"):
        context.load(None, {})


@pytest.mark.parametrize("text", ["", "[]", '{"services": []}', '{"services": {}}', '{"services": {"a": "b"}}'])
def test_a_file_that_is_no_context_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "ready.json").write_text(text)

    with pytest.raises(context.ContextError, match=r"ready\.json is no context: it needs services"):
        context.load(tmp_path / "ready.json")


def test_the_pause_doubles_to_five_seconds_and_starts_over_after_health() -> None:
    backoff = Backoff()

    pauses = [backoff.after(1) for _ in range(7)]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert backoff.after(30) == 0.2
    assert backoff.after(0) == 0.4


def test_exits_are_told_in_words() -> None:
    assert [describe_exit(code) for code in (0, 2, -9, -63)] == ["code 0", "code 2", "SIGKILL", "signal 63"]


def test_logs_are_rotated_and_the_oldest_goes(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    for number in range(4):
        files.rotate(log, kept=2)
        log.write_text(str(number))

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "x.log": "3",
        "x.log.1": "2",
        "x.log.2": "1",
    }


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    with pytest.raises(UnicodeEncodeError):
        files.write_atomically(target, "new \udc80")

    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_last_lines_of_a_log_skip_empty_ones(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a\n\nb\n\nc\n\n")

    assert files.last_lines(tmp_path / "log", 2) == ["b", "c"]
    assert files.last_lines(tmp_path / "none", 2) == []


def test_last_words_are_one_line_that_tells_why(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    ours = {
        "settings": "long",
        "level": "error",
        "event": "the process failed",
        "exception": "Traceback\n  a\nKeyError: 1",
    }

    log.write_text("noise\n" + json.dumps(ours) + "\n")
    assert files.last_words(log) == f"the process failed: KeyError: 1 (more in {log})"
    log.write_text("one\ntwo\n")
    assert files.last_words(log) == f"one | two (more in {log})"
    assert files.last_words(tmp_path / "none") == f"it left no word in {tmp_path / 'none'}"


def test_a_free_port_is_none_of_those_the_kernel_gives_to_clients() -> None:
    port = host.free_port()

    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert 1024 < port < low
    with socket.socket() as probe:
        probe.bind((host.LOOPBACK, port))


def test_passwords_are_made_once_and_kept_for_their_owner_alone(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "data")
    directory.make()

    first = directory.password("ingest_app")

    assert directory.password("ingest_app") == first
    assert directory.password("ingest_owner") != first
    assert stat.S_IMODE((tmp_path / "data" / "secrets" / "ingest_app.password").stat().st_mode) == 0o600


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SuiteError, match=r"can't use .*file/data as the data directory: Not a directory"):
        DataDirectory(tmp_path / "file" / "data").make()


def test_the_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    refused = rf"already runs .*\(process {os.getpid()}\)"
    with directory.locked(), pytest.raises(SuiteError, match=refused), directory.locked():
        pytest.fail("two hold the lock")

    with directory.locked():
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_path_is_unreachable_at_the_first_closed_directory(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "inner").mkdir(parents=True)
    for path in (tmp_path, closed / "inner"):
        path.chmod(0o755)
    closed.chmod(0o700)
    stranger = 54_321

    # Directories above pytest's own may be closed as well; ours are what is asked about.
    blocked = host.unreachable_part(closed / "inner", stranger, stranger)
    assert blocked is not None
    assert closed == blocked or blocked in closed.parents
    assert host.unreachable_part(Path("/usr"), stranger, stranger) is None


def test_questions_go_left() -> None:
    order = [spec.name for spec in SERVICES]

    for position, spec in enumerate(SERVICES):
        assert set(spec.asks) <= set(order[:position])


def test_a_log_that_grew_too_long_is_put_aside_while_its_program_writes_on(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with log.open("ab", buffering=0) as program:
        for text in (b"first", b"second", b"third"):
            program.write(text)
            files.shorten(log, bytes_max=4, kept=2)
        program.write(b"end")
        files.shorten(log, bytes_max=4, kept=2)

    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert kept == {"service.log": b"end", "service.log.1": b"third", "service.log.2": b"second"}
