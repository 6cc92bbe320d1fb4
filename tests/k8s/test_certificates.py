"""All speak TLS with certificates as cert-manager mounts them, and a new authority takes over while calls run."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from meterline.suite.certificates import Authority
from testkit.flights import ROOT
from testkit.k8s.suite import SERVICE_NAMES, ClusterSuite, Example, failures
from testkit.wait import wait_until

# A node looks for changes of what is mounted every 10 s here, and every minute by default.
MOUNTED_WITHIN_S: Final = 150.0
CALLS_MIN: Final = 1000
CALLS_PER_S: Final = 4.0
COMPONENT: Final = "components/tls-cert-manager"
Values = Mapping[str, str]


@dataclass
class Mounted:
    """A Secret of certificates in a folder of this machine, whose files change all at once, as a kubelet does it."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def write(self, values: Values) -> None:
        """Replace every file."""
        newest = self.folder / str(next(self._numbers))
        newest.mkdir(parents=True)
        for name, text in values.items():
            (newest / name).write_text(text)
        link = self.folder / "newest"
        link.symlink_to(newest)
        link.replace(self.folder / "data")

    def path(self, name: str) -> Path:
        """Return where a value lies."""
        return self.folder / "data" / name

    @property
    def paths(self) -> list[Path]:
        """Where authorities, certificate and key lie."""
        return [self.path(name) for name in ("ca.crt", "tls.crt", "tls.key")]


def values_of(issued_by: Authority, names: Sequence[str], believed: Sequence[Authority]) -> Values:
    """Return what cert-manager puts into a Secret; more than one authority comes from a bundle."""
    certificate, key = issued_by.issue(names)
    return {"tls.crt": certificate, "tls.key": key, "ca.crt": "".join(each.pem for each in believed)}


@dataclass
class Certificates:
    """What the component asks cert-manager for, done by hand: no cert-manager runs here."""

    suite: ClusterSuite
    client: Mounted
    wanted: dict[str, list[str]]
    current: dict[str, Values] = field(default_factory=dict)
    mine: Values = field(default_factory=dict)

    def begin(self, authority: Authority) -> None:
        """Make every Secret, and the client's files."""
        self.issue(authority, [authority])
        for name, values in self.current.items():
            metadata = {"name": name, "namespace": self.suite.namespace}
            self.suite.node.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values})
        self.client.write(self.mine)

    def renew(self, authority: Authority, believed: Sequence[Authority]) -> None:
        """Replace every certificate and key."""
        self.issue(authority, believed)
        self.hand_out()

    def believe(self, *authorities: Authority) -> None:
        """Replace everybody's authorities, and nothing else."""
        bundle = {"ca.crt": "".join(each.pem for each in authorities)}
        self.current = {name: {**values, **bundle} for name, values in self.current.items()}
        self.mine = {**self.mine, **bundle}
        self.hand_out()

    def issue(self, authority: Authority, believed: Sequence[Authority]) -> None:
        self.current = {name: values_of(authority, names, believed) for name, names in self.wanted.items()}
        self.mine = values_of(authority, ["client"], believed)

    def hand_out(self) -> None:
        for name, values in self.current.items():
            self.suite.set_secret(name, values)
        self.client.write(self.mine)

    def shown_to(self, caller: Mounted) -> dict[str, list[str]]:
        """Return what each replica of each service shows to a caller, or "" where one refuses the other."""
        servers = [(name, f"{pod['status']['podIP']}:8080") for name in SERVICE_NAMES for pod in self.suite.pods(name)]
        program: list[str | Path] = [sys.executable, "-m", "testkit.k8s.handshake"]
        command = [*program, *caller.paths, *map("=".join, servers)]
        done = self.suite.node.namespaces.run(command, check=False)
        assert done.returncode == 0, done.stderr
        shown = json.loads(done.stdout)
        return {name: [shown[address] for own, address in servers if own == name] for name in SERVICE_NAMES}

    def are_shown_to(self, caller: Mounted) -> bool:
        """Whether every replica takes the caller's certificate, and shows its own newest one."""
        newest = {service: self.current[f"{service}-tls"]["tls.crt"] for service in SERVICE_NAMES}
        shown = self.shown_to(caller)
        return all(shown[service] and set(shown[service]) == {newest[service]} for service in SERVICE_NAMES)

    def is_refused(self, caller: Mounted) -> bool:
        """Whether no replica takes the caller's certificate."""
        return all(set(shown) == {""} for shown in self.shown_to(caller).values())


@dataclass(frozen=True)
class Secured:
    """The example over TLS, its certificates, and the authority that has signed them."""

    suite: ClusterSuite
    context: Path
    certificates: Certificates
    authority: Authority


@pytest.fixture
def secured(example: Example, tmp_path: Path) -> Iterator[Secured]:
    """The example with the component, as long as the test runs."""
    suite, authority = example.suite, Authority.generate()
    documents = rendered(suite, tmp_path)
    wanted = {
        found["spec"]["secretName"]: found["spec"]["dnsNames"]
        for found in documents
        if found["kind"] == "Certificate" and not found["spec"].get("isCA")
    }
    certificates = Certificates(suite, Mounted(tmp_path / "client"), wanted)
    certificates.begin(authority)
    ours = [found for found in documents if not found["apiVersion"].startswith("cert-manager.io/")]
    suite.node.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(ours))
    suite.wait_ready()
    yield Secured(suite, write_context(example, certificates.client, tmp_path), certificates, authority)
    suite.node.kubectl("apply", "-k", ROOT / "k8s/overlays/example")
    suite.wait_ready()


def test_a_new_authority_takes_over_without_a_failed_call_and_the_old_one_is_worth_nothing(
    secured: Secured, example: Example, tmp_path: Path, found: Callable[[str, Any], None]
) -> None:
    suite, certificates, old = secured.suite, secured.certificates, secured.authority
    new = Authority.generate()
    early, late = (caller(tmp_path, name, by, [old, new]) for name, by in (("early", new), ("late", old)))
    wait_until(lambda: states(suite, secured.context) == all_are("up"), 60, what="all services to be up over TLS")
    assert not any(state == "up" for state in states(suite, example.context).values())
    restarts, began_at, took = suite.restarts(), time.time(), {}

    def step(name: str, action: Callable[[], None], is_done: Callable[[], bool]) -> None:
        step_at = time.time()
        action()
        wait_until(is_done, MOUNTED_WITHIN_S, what=f"{name} everywhere")
        took[name] = round(time.time() - step_at, 1)

    with suite.load(secured.context, CALLS_PER_S) as load:
        step("both believed", lambda: certificates.believe(old, new), lambda: certificates.are_shown_to(early))
        step("renewed", lambda: certificates.renew(new, [old, new]), lambda: certificates.are_shown_to(early))
        assert certificates.are_shown_to(late)
        step("old one gone", lambda: certificates.believe(new), lambda: certificates.is_refused(late))
        for service in SERVICE_NAMES:
            load.wait_for_calls(CALLS_MIN, service, began_at)
        assert certificates.are_shown_to(early)
        assert certificates.is_refused(late)

    made = load.outcomes(since=began_at)
    found("certificates replaced", {"steps_s": took, "calls": len(made), "failed": len(failures(made))})
    assert not failures(made)
    # Nothing was restarted, and neighbors go on asking each other: the bill of a month is made of all four's answers.
    assert suite.restarts() == restarts
    wait_until(lambda: states(suite, secured.context) == all_are("up"), 60, what="all services to be up")
    (invoice,) = json.loads(
        suite.meterline(
            secured.context, "invoice", "finalize", "--period", "2026-02", "--customer", "acme", "--output", "json"
        ).stdout
    )
    assert invoice["lines"]


def rendered(suite: ClusterSuite, folder: Path) -> list[dict[str, Any]]:
    """Return the documents of the example with the component for certificates."""
    places = {name: os.path.relpath(ROOT / "k8s" / name, folder.resolve()) for name in ("overlays/example", COMPONENT)}
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": suite.namespace,
        "resources": [places["overlays/example"]],
        "components": [places[COMPONENT]],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return list(yaml.safe_load_all(suite.node.kubectl("kustomize", folder)))


def write_context(example: Example, client: Mounted, folder: Path) -> Path:
    """Write a context for programs on the node that show a certificate."""
    context = json.loads(example.context.read_text())
    authorities, certificate, key = map(str, client.paths)
    context |= {"plaintext": None, "tls": {"ca_file": authorities, "cert_file": certificate, "key_file": key}}
    file = folder / "tls.json"
    file.write_text(json.dumps(context))
    return file


def caller(folder: Path, name: str, issued_by: Authority, believed: Sequence[Authority]) -> Mounted:
    """Make the files of somebody who shows a certificate of one authority."""
    files = Mounted(folder / name)
    files.write(values_of(issued_by, [name], believed))
    return files


def states(suite: ClusterSuite, context: Path) -> dict[str, str]:
    """Return how each service is, as `meterline status` says."""
    said = suite.meterline(context, "status", "--output", "json", check=False).stdout
    return {each["service"]: each["state"] for each in json.loads(said)["services"]}


def all_are(state: str) -> dict[str, str]:
    return dict.fromkeys(SERVICE_NAMES, state)
