"""A cluster of Ray's on this machine: a head and two nodes, which listen on 127.0.0.1 alone.

`python -m tests.cluster.nodes` starts it, prints one line of JSON, and ends it at the end of its
input. With arguments it runs that command beside the cluster, whose address is in
`SHIM_TESTS_CLUSTER`, and ends with its exit status. It is a process of its own, because what Ray
starts in a process ends only with that process.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psutil

ENVIRONMENT = {
    # Of all systems: else Ray listens on the machine's outward address.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Replicas listen everywhere nevertheless, and run what they are sent.
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": os.environ.get("RAY_AUTH_TOKEN") or secrets.token_hex(32),
}
"""Variables of every process that starts the cluster or connects to it."""

CPUS = 32
"""Cores of each node in Ray's books, which say how many replicas have room there."""

SLOTS = {"slot-a": 1, "slot-b": 1, "slot-c": 1}
"""Resources of each node: of replicas that need a whole one, there is one on each node."""

MEMORY = 100 << 20
"""Bytes of each node's object store."""


@contextmanager
def running() -> Iterator[dict[str, Any]]:
    """Run the cluster until the block ends; yield its address, and the raylets' process ids.

    The head has no cores, so that replicas run on the two nodes.
    """
    os.environ.update(ENVIRONMENT)
    from ray.cluster_utils import Cluster  # noqa: PLC0415  reads the variables

    head = {"num_cpus": 0, "include_dashboard": False, "include_log_monitor": False}
    cluster = Cluster(initialize_head=True, head_node_args={**head, "object_store_memory": MEMORY})
    try:
        room = {"num_cpus": CPUS, "resources": SLOTS, "object_store_memory": MEMORY}
        nodes = [cluster.add_node(wait=False, **room) for _ in range(2)]
        cluster.wait_for_nodes(timeout=120)
        raylets = [node.all_processes["raylet"][0].process.pid for node in nodes]
        yield {"address": cluster.address, "raylets": raylets}
    finally:
        cluster.shutdown()


def replicas(raylets: Sequence[int], model: str) -> list[psutil.Process]:
    """Return the processes with a replica of *model* below *raylets*, in that order."""
    running = [psutil.Process(pid) for pid in raylets if psutil.pid_exists(pid)]
    below = [child for raylet in running for child in raylet.children(recursive=True)]
    return [process for process in below if _is_replica(process, model)]


def _is_replica(process: psutil.Process, model: str) -> bool:
    """Return whether *process* has the title that Ray Serve gives to a replica of *model*."""
    try:
        title = " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
    return title.startswith("ray::ServeReplica") and model in title


def main() -> int:
    """Run the cluster, and a command beside it if there is one; return the exit status."""
    command = sys.argv[1:]
    with running() as cluster:
        if command:
            environment = os.environ | {"SHIM_TESTS_CLUSTER": cluster["address"]}
            return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603
        print(json.dumps(cluster), flush=True)  # noqa: T201  it is what this program is for
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
