"""What every manifest of Meterline keeps to, as pure functions: each takes objects and yields what is wrong with them.

An object is a Kubernetes object as YAML gives it. `tests/manifests` runs them over all that k8s/ renders to, and shows
that each finds what it is meant to find.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

Object = Mapping[str, Any]

STARTUP_S: Final = 300
"""How long a process may take to start; many at once on a busy node have taken more than a minute."""
TOKEN_USERS: Final = {"make-keys", "renew-tokens"}
"""What may talk to the API server: the example's Job that makes secrets, and what renews the services' tokens."""
WORKLOADS: Final = {"Deployment", "StatefulSet", "Job", "CronJob"}
SPREAD: Final = {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def of_kind(objects: Iterable[Object], *kinds: str) -> list[Object]:
    """Return the objects of some kinds."""
    return [found for found in objects if found["kind"] in kinds]


def title(found: Object) -> str:
    """Return what findings call an object."""
    return f"{found['kind']}/{found['metadata']['name']}"


def pod(found: Object) -> Object:
    """Return the pod template of a workload."""
    spec = found["spec"]["jobTemplate"]["spec"] if found["kind"] == "CronJob" else found["spec"]
    template: Object = spec["template"]
    return template


def labels(found: Object) -> Mapping[str, str]:
    """Return the labels of a workload's pods."""
    found_labels: Mapping[str, str] = pod(found)["metadata"].get("labels", {})
    return found_labels


def containers(found: Object) -> list[Object]:
    """Return all containers of a workload."""
    spec = pod(found)["spec"]
    return [*spec.get("initContainers", ()), *spec["containers"]]


def is_server(found: Object) -> bool:
    """Whether it is the Deployment of a service of the suite."""
    return found["kind"] == "Deployment" and labels(found).get("app.kubernetes.io/component") == "server"


def selects(selector: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether a selector by labels picks something with these labels."""
    return selector.items() <= wanted.items()


def open_to_attack(objects: Sequence[Object]) -> Iterator[str]:
    """Find pods that PodSecurity `restricted` refuses, and those that could write where nothing limits them."""
    for found in of_kind(objects, *WORKLOADS):
        spec = pod(found)["spec"]
        context = spec.get("securityContext", {})
        if not context.get("runAsNonRoot") or context.get("runAsUser", 0) == 0:
            yield f"{title(found)}: may run as root"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{title(found)}: has no seccomp profile"
        if spec.get("hostNetwork") or spec.get("hostPID") or spec.get("hostIPC"):
            yield f"{title(found)}: shares something of its node"
        for volume in spec.get("volumes", ()):
            if "hostPath" in volume:
                yield f"{title(found)}: mounts a folder of its node"
            if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit"):
                yield f"{title(found)}: the emptyDir {volume['name']} has no size"
        for container in containers(found):
            yield from _open_container(f"{title(found)} {container['name']}", container.get("securityContext", {}))


def _open_container(name: str, context: Object) -> Iterator[str]:
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{name}: may gain privileges"
    if context.get("capabilities", {}).get("drop") != ["ALL"] or context["capabilities"].get("add"):
        yield f"{name}: keeps capabilities"
    if not context.get("readOnlyRootFilesystem"):
        yield f"{name}: may write to its own root"


def knowing_the_cluster(objects: Sequence[Object]) -> Iterator[str]:
    """Find pods that get a token of the API server, or variables for each Service of the namespace."""
    for found in of_kind(objects, *WORKLOADS):
        spec = pod(found)["spec"]
        if spec.get("automountServiceAccountToken") is not (found["metadata"]["name"] in TOKEN_USERS):
            yield f"{title(found)}: has a token of the API server, or lacks it"
        if spec.get("enableServiceLinks") is not False:
            yield f"{title(found)}: gets variables for each Service"


def unbounded(objects: Sequence[Object]) -> Iterator[str]:
    """Find containers for which nobody said what they need, and images that change under their name."""
    for found in of_kind(objects, *WORKLOADS):
        for container in containers(found):
            name = f"{title(found)} {container['name']}"
            resources = container.get("resources", {})
            if not {"cpu", "memory"} <= resources.get("requests", {}).keys():
                yield f"{name}: requests no cpu or memory"
            if "memory" not in resources.get("limits", {}):
                yield f"{name}: has no limit of memory"
            if not re.search(r":\d[\w.-]*$|@sha256:[0-9a-f]{64}$", container["image"]):
                yield f"{name}: its image {container['image']} has no version"


def ill_probed(objects: Sequence[Object]) -> Iterator[str]:
    """Find servers that are killed while they wait for their migration or start slowly, or called when not ready."""
    for found in filter(is_server, objects):
        (container,) = pod(found)["spec"]["containers"]
        probes = {name: container.get(f"{name}Probe", {}) for name in ("startup", "liveness", "readiness")}
        asked = {name: probe.get("grpc", {}).get("service") for name, probe in probes.items()}
        if asked != {"startup": "liveness", "liveness": "liveness", "readiness": "readiness"}:
            yield f"{title(found)}: probes ask {asked}"
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        if {probe.get("grpc", {}).get("port") for probe in probes.values()} != {ports["health"]}:
            yield f"{title(found)}: probes ask another port than the one of health"
        if probes["startup"].get("failureThreshold", 3) * probes["startup"].get("periodSeconds", 10) < STARTUP_S:
            yield f"{title(found)}: may take less than {STARTUP_S} s to start"


def killed_at_work(objects: Sequence[Object], longest_stop_s: float) -> Iterator[str]:
    """Find servers that are killed before they have stopped, or that close the door before callers know."""
    for found in filter(is_server, objects):
        spec = pod(found)["spec"]
        sleep_s = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if not sleep_s:
            yield f"{title(found)}: stops before callers know"
        if spec.get("terminationGracePeriodSeconds", 30) <= sleep_s + longest_stop_s:
            yield f"{title(found)}: is killed before it has stopped, which takes up to {sleep_s + longest_stop_s} s"


def all_gone_at_once(objects: Sequence[Object]) -> Iterator[str]:
    """Find Deployments whose replicas may go together: without a budget, or servers side by side on one node."""
    budgets = of_kind(objects, "PodDisruptionBudget")
    for found in of_kind(objects, "Deployment"):
        own = [
            budget["spec"] for budget in budgets if selects(budget["spec"]["selector"]["matchLabels"], labels(found))
        ]
        if [(spec.get("maxUnavailable"), spec.get("unhealthyPodEvictionPolicy")) for spec in own] != [
            (1, "AlwaysAllow")
        ]:
            yield f"{title(found)}: has not the one disruption budget"
        if not is_server(found):
            continue
        spread = pod(found)["spec"].get("topologySpreadConstraints", ())
        good = {
            rule["topologyKey"]
            for rule in spread
            if rule.get("matchLabelKeys") == ["pod-template-hash"]
            and selects(rule["labelSelector"]["matchLabels"], labels(found))
        }
        if good != SPREAD:
            yield f"{title(found)}: is not spread over zones and nodes"


def scaled_twice(objects: Sequence[Object]) -> Iterator[str]:
    """Find Deployments whose number of replicas both an autoscaler and the manifest say; applying resets it."""
    scaled = {found["spec"]["scaleTargetRef"]["name"] for found in of_kind(objects, "HorizontalPodAutoscaler")}
    for found in of_kind(objects, "Deployment"):
        has_autoscaler, has_replicas = found["metadata"]["name"] in scaled, "replicas" in found["spec"]
        if has_autoscaler and has_replicas:
            yield f"{title(found)}: has an autoscaler and a number of replicas"
        if not has_autoscaler and not has_replicas:
            yield f"{title(found)}: has neither an autoscaler nor a number of replicas"


def misdirected(objects: Sequence[Object]) -> Iterator[str]:
    """Find Services and Deployments that pick no pod, those of a Job, or a port that is not there."""
    for found in of_kind(objects, "Deployment", "StatefulSet"):
        if not selects(found["spec"]["selector"]["matchLabels"], labels(found)):
            yield f"{title(found)}: does not select its own pods"
    for service in of_kind(objects, "Service"):
        picked = [
            found for found in of_kind(objects, *WORKLOADS) if selects(service["spec"]["selector"], labels(found))
        ]
        if [found["kind"] for found in picked] not in (["Deployment"], ["StatefulSet"]):
            yield f"{title(service)}: picks {[title(found) for found in picked]}"
            continue
        offered = {port["name"] for container in containers(picked[0]) for port in container.get("ports", ())}
        if wrong := {port["targetPort"] for port in service["spec"]["ports"]} - offered:
            yield f"{title(service)}: its pods have no port {wrong}"


def unversioned(objects: Sequence[Object]) -> Iterator[str]:
    """Find migrations whose name lacks the version: a Job can't be changed, so the next release would not apply."""
    for found in of_kind(objects, "Job"):
        if labels(found).get("app.kubernetes.io/component") != "migration":
            continue
        tag = containers(found)[0]["image"].rpartition(":")[2]
        if not found["metadata"]["name"].endswith("-migration-" + tag.replace(".", "-")):
            yield f"{title(found)}: its name does not carry the version {tag}"


POLICIES: Final = (
    open_to_attack, knowing_the_cluster, unbounded, ill_probed, all_gone_at_once, scaled_twice, misdirected,
    unversioned,
)  # fmt: skip
"""Those that need nothing but the objects."""
