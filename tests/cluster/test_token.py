"""A cluster with a token refuses programs that do not have it."""

import os
import subprocess

import pytest

from tests.cluster.conftest import Nodes
from tests.cluster.nodes import ENVIRONMENT
from tests.live import PYTHON

CONNECT = """
import sys, ray
ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
print("connected")
"""


def connected(nodes: Nodes, **changed: str) -> subprocess.CompletedProcess[str]:
    """Let a program connect to the cluster; return how that ended."""
    return subprocess.run(  # noqa: S603
        [PYTHON, "-c", CONNECT, nodes.address],
        env=os.environ | ENVIRONMENT | changed,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed", [{"RAY_AUTH_TOKEN": "0" * 64}, {"RAY_AUTH_MODE": "disabled"}], ids=["other", "none"]
)
def test_the_token(nodes: Nodes, changed: dict[str, str]) -> None:
    """Who has another token, or none, cannot connect; who has it can."""
    refused, taken = connected(nodes, **changed), connected(nodes)

    assert "connected" not in refused.stdout
    assert "AuthenticationError" in refused.stderr
    assert "connected" in taken.stdout
