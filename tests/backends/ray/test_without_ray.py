"""A server for which a cluster is configured, where Ray is missing or cannot be reached."""

import os
import sys

import pytest

from backends.cluster_config import ClusterConfig
from backends.clustered_registry import ClusteredRegistry
from backends.registry import ModelNotOpened


async def test_ray_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setattr(os, "environ", {**os.environ})
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(ModelNotOpened, match=r"pip install 'evalshim\[ray\]'"):
        async with ClusteredRegistry(ClusterConfig(), _unused, _unused).connected():
            pass


def _unused(*_: object) -> None:
    raise AssertionError("no engine runs here")
