"""Control plane and one node of Kubernetes as processes in namespaces of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from testkit.k8s.namespaces import DNS_ADDRESS, NODE_ADDRESS, Namespaces
from testkit.k8s.programs import CNI, Programs
from testkit.wait import wait_until

NODE: Final = "node0"
PODS: Final = "10.244.0.0/16"
SERVICES: Final = "10.96.0.0/16"
CONTAINERD: Final = "/run/containerd/containerd.sock"
PAUSE: Final = "localhost/pause:1"
READY_LIMIT_S: Final = 180.0

# What kubeadm writes, with the node's own address in place of a pod's.
COREFILE: Final = """
.:53 {
    bind %(node)s
    errors
    ready 127.0.0.1:8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %(kubeconfig)s
        pods insecure
        ttl 30
    }
    loadbalance
}
"""

CONTAINERD_CONFIG: Final = """
version = 2
root = "%(run)s/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "%(socket)s"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "%(pause)s"
  # The machine may not let us lower a process's out-of-memory score.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "%(cni)s"
    conf_dir = "%(run)s/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


@dataclass
class Node:
    """A running Kubernetes with one node."""

    programs: Programs
    namespaces: Namespaces

    @property
    def run_dir(self) -> Path:
        """Where all state of the node lies."""
        return self.namespaces.run_dir

    @property
    def kubeconfig(self) -> Path:
        """The administrator's way to the API server, from inside the namespaces."""
        return self.run_dir / "kubeconfig-admin"

    def start(self) -> None:
        """Start all of it and wait until the node is ready for pods."""
        self.namespaces.open()
        self._write_credentials()
        self._start_control_plane()
        self._wait_for("the API server", ["get", "--raw", "/readyz"])
        self._start_controllers()
        self._start_node()
        self.apply(_dns_service())
        self._wait_for("the node", ["wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=5s"])
        self._start_policies()
        self._wait_for("service accounts", ["get", "serviceaccount", "default"])

    def kubectl(
        self, *arguments: str | Path, stdin: str | None = None, limit_s: float = 300, check: bool = True
    ) -> str:
        """Run kubectl as the administrator and return what it prints.

        Raises RuntimeError with what it says when it fails, unless `check` is false.
        """
        command = [self.programs["kubectl"], f"--kubeconfig={self.kubeconfig}", *arguments]
        done = self.namespaces.run(command, input=stdin, timeout=limit_s, check=False)
        if done.returncode != 0 and check:
            raise RuntimeError(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout if check else done.stdout + done.stderr

    def apply(self, *documents: object) -> None:
        """Apply documents as they are."""
        self.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(documents))

    def ctr(self, *arguments: str | Path) -> None:
        """Run containerd's own client in the namespace of Kubernetes' images."""
        self.namespaces.run(["ctr", f"--address={CONTAINERD}", "--namespace=k8s.io", *arguments])

    def close(self) -> None:
        """End all of it."""
        self.namespaces.close()

    def _wait_for(self, what: str, command: list[str]) -> None:
        def is_so() -> bool:
            self.namespaces.check()
            said = self.kubectl(*command, check=False)
            return "ok" in said or "condition met" in said or "default " in said

        wait_until(is_so, READY_LIMIT_S, what=f"{what} to be ready")

    def _wait_for_containerd(self) -> None:
        command = ["ctr", f"--address={CONTAINERD}", "version"]

        def answers() -> bool:
            self.namespaces.check()
            return self.namespaces.run(command, check=False).returncode == 0

        wait_until(answers, READY_LIMIT_S, what="containerd to answer")

    def _write_credentials(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (self.run_dir / "accounts.key").write_bytes(private)
        (self.run_dir / "accounts.pub").write_bytes(public)
        users = {"admin": "system:masters", f"system:node:{NODE}": "system:nodes"}
        rows = [f"token-of-{user},{user},{user},{group}" for user, group in users.items()]
        (self.run_dir / "tokens.csv").write_text("\n".join(rows) + "\n")
        _write_kubeconfig(self.kubeconfig, "token-of-admin")
        _write_kubeconfig(self.run_dir / "kubeconfig-node", f"token-of-system:node:{NODE}")

    def _start_control_plane(self) -> None:
        self.namespaces.start(
            "etcd",
            [
                self.programs["etcd"],
                f"--data-dir={self.run_dir}/etcd",
                "--unsafe-no-fsync",
                "--listen-client-urls=http://127.0.0.1:2379",
                "--advertise-client-urls=http://127.0.0.1:2379",
                "--listen-peer-urls=http://127.0.0.1:2380",
            ],
        )
        self.namespaces.start(
            "kube-apiserver",
            [
                self.programs["kube-apiserver"],
                "--etcd-servers=http://127.0.0.1:2379",
                f"--advertise-address={NODE_ADDRESS}",
                f"--cert-dir={self.run_dir}/apiserver",
                f"--token-auth-file={self.run_dir}/tokens.csv",
                "--authorization-mode=Node,RBAC",
                f"--service-cluster-ip-range={SERVICES}",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={self.run_dir}/accounts.pub",
                f"--service-account-signing-key-file={self.run_dir}/accounts.key",
                "--allow-privileged=true",
                "--kubelet-preferred-address-types=InternalIP",
            ],
        )

    def _start_controllers(self) -> None:
        common = [f"--kubeconfig={self.kubeconfig}", "--leader-elect=false"]
        manager = self.programs["kube-controller-manager"]
        accounts = f"--service-account-private-key-file={self.run_dir}/accounts.key"
        # The API server has signed its own certificate, which is what pods are told to trust.
        trust = f"--root-ca-file={self.run_dir}/apiserver/apiserver.crt"
        pods = ["--allocate-node-cidrs=true", f"--cluster-cidr={PODS}", f"--service-cluster-ip-range={SERVICES}"]
        self.namespaces.start("kube-controller-manager", [manager, *common, accounts, trust, *pods])
        self.namespaces.start("kube-scheduler", [self.programs["kube-scheduler"], *common])

    def _start_node(self) -> None:
        self._write_node_settings()
        self.namespaces.start("containerd", ["containerd", f"--config={self.run_dir}/containerd.toml"])
        self._wait_for_containerd()
        self.namespaces.start(
            "kubelet",
            [
                self.programs["kubelet"],
                f"--config={self.run_dir}/kubelet.json",
                f"--kubeconfig={self.run_dir}/kubeconfig-node",
                f"--hostname-override={NODE}",
                f"--node-ip={NODE_ADDRESS}",
                f"--root-dir={self.run_dir}/kubelet",
            ],
        )
        self.namespaces.start("kube-proxy", [self.programs["kube-proxy"], f"--config={self.run_dir}/proxy.json"])
        self.namespaces.start("coredns", [self.programs["coredns"], f"-conf={self.run_dir}/Corefile"])

    def _start_policies(self) -> None:
        """Start what enforces NetworkPolicy. It needs the node to be known, and leaves routes and services alone."""
        router = [f"--run-{part}=false" for part in ("router", "service-proxy", "loadbalancer")]
        self.namespaces.start(
            "kube-router",
            [
                self.programs["kube-router"],
                f"--kubeconfig={self.kubeconfig}",
                f"--hostname-override={NODE}",
                "--run-firewall=true",
                *router,
                "--enable-cni=false",
                "--enable-ipv6=false",
                f"--service-cluster-ip-range={SERVICES}",
            ],
        )

    def _write_node_settings(self) -> None:
        run = self.run_dir
        (run / "cni").mkdir()
        (run / "cni" / "10-pods.conflist").write_text(json.dumps(_pod_network()))
        places = {"run": run, "socket": CONTAINERD, "pause": PAUSE, "cni": CNI}
        (run / "containerd.toml").write_text(CONTAINERD_CONFIG % places)
        (run / "Corefile").write_text(COREFILE % {"node": NODE_ADDRESS, "kubeconfig": self.kubeconfig})
        (run / "kubelet.json").write_text(json.dumps(_kubelet(run, self.namespaces.group)))
        (run / "proxy.json").write_text(json.dumps(_proxy(self.kubeconfig)))


def _write_kubeconfig(path: Path, token: str) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "here", "cluster": {"server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": True}}
        ],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "user"}}],
        "current-context": "here",
    }
    path.write_text(json.dumps(document))


def _pod_network() -> dict[str, object]:
    addresses: dict[str, object] = {
        "type": "host-local",
        "dataDir": "/run/cni",
        "ranges": [[{"subnet": "10.244.0.0/24"}]],
    }
    addresses["routes"] = [{"dst": "0.0.0.0/0"}]
    bridge = {
        "type": "bridge",
        "bridge": "pods0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": addresses,
    }
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def _kubelet(run: Path, group: str) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": str(run / "resolv.conf"),
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{group}",
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "makeIPTablesUtilChains": False,
        "evictionHard": {"memory.available": "1%", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "volumePluginDir": str(run / "volume-plugins"),
        "podLogsDir": str(run / "logs" / "pods"),
        # Secrets and maps are rotated by tests that wait for it.
        "syncFrequency": "10s",
        "maxPods": 60,
    }


def _proxy(kubeconfig: Path) -> dict[str, object]:
    untouched = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "hostnameOverride": NODE,
        "clusterCIDR": PODS,
        "conntrack": untouched,
    }


def _dns_service() -> dict[str, object]:
    metadata = {"name": "kube-dns", "namespace": "kube-system"}
    ports = [{"name": f"dns-{kind.lower()}", "port": 53, "protocol": kind} for kind in ("UDP", "TCP")]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"clusterIP": DNS_ADDRESS, "ports": ports},
    }
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**metadata, "labels": {"kubernetes.io/service-name": "kube-dns"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": True}}],
        "ports": ports,
    }
    return {"apiVersion": "v1", "kind": "List", "items": [service, slice_]}
