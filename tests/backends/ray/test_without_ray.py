"""A server for which a cluster is configured, where Ray is missing or cannot be reached."""

import os
import sys

import pytest

from backends.cluster_config import ClusterConfig
from backends.registry import ModelNotOpened, Registry


async def test_ray_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setattr(os, "environ", {**os.environ})
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(ModelNotOpened, match=r"pip install 'evalshim\[ray\]'"):
        async with Registry(cluster=ClusterConfig()).connected():
            pass
