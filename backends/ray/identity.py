"""Makes sure that all replicas of a model give the same answers: same files, same packages."""

import socket

import msgspec
from msgspec import Struct

_NAMESPACE = b"shim"
"""Namespace in the key-value store of Ray's head."""


class NotIdentical(Exception):
    """A replica whose files or packages differ from those of the first one; names both nodes."""


class _First(Struct, frozen=True):
    node: str
    stamp: str


def check(application: str, stamp: str) -> None:
    """Raise NotIdentical if the first replica of *application* had another *stamp*.

    The first one leaves its stamp in the key-value store of the cluster, so that those that Ray
    starts later are compared too.
    """
    from ray.experimental import internal_kv as store

    own = _First(node=_node(), stamp=stamp)
    key = application.encode()
    store._internal_kv_put(  # noqa: SLF001
        key, msgspec.json.encode(own), overwrite=False, namespace=_NAMESPACE
    )
    stored = store._internal_kv_get(key, namespace=_NAMESPACE)  # noqa: SLF001
    first = msgspec.json.decode(stored, type=_First)
    if first.stamp != stamp:
        raise NotIdentical(
            f"the model's files or the engines' packages on {own.node} ({stamp[:12]}) are not "
            f"those on {first.node} ({first.stamp[:12]}): replicas would give different answers"
        )


def forget(application: str) -> None:
    """Let the next replica of *application* be the first one."""
    from ray.experimental import internal_kv as store

    store._internal_kv_del(application.encode(), namespace=_NAMESPACE)  # noqa: SLF001


def _node() -> str:
    from ray.util import get_node_ip_address

    return f"{socket.gethostname()} ({get_node_ip_address()})"
