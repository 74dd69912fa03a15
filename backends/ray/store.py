"""Notes in the key-value store of Ray's head: who uses an application, who opens it, its stamp.

Several servers may share an application. It ends with the last of them, so each notes that it uses
it; notes of servers whose process has ended do not count. All functions block.
"""

import socket

import msgspec
import ray
from msgspec import Struct
from ray.experimental import internal_kv as kv

_NAMESPACE = b"shim"


class NotIdentical(Exception):
    """A replica whose files or packages differ from those of the first one; names both nodes."""


class _First(Struct, frozen=True):
    """The first replica of an application."""

    node: str
    stamp: str


# ── servers ───────────────────────────────────────────────────────────────────


def join(application: str) -> None:
    """Note that this process uses *application*."""
    _put(f"user/{application}/{_job()}", b"")


def leave(application: str) -> bool:
    """Take that note back; return whether no other living process uses *application*."""
    _delete(f"user/{application}/{_job()}")
    users = {key.rpartition(b"/")[2].decode() for key in _keys(f"user/{application}/")}
    return not users & _living_jobs()


def claim(application: str) -> bool:
    """Return whether this process is to open *application*, and not another one that lives."""
    key = f"opens/{application}"
    if _put(key, _job().encode()):
        return True
    if (_get(key) or b"").decode() in _living_jobs():
        return False
    _delete(key)
    return _put(key, _job().encode())


def opened(application: str) -> None:
    """Take the note of `claim` back."""
    _delete(f"opens/{application}")


# ── replicas ──────────────────────────────────────────────────────────────────


def check_identical(application: str, stamp: str) -> None:
    """Raise NotIdentical if the first replica of *application* had another *stamp*.

    The first one leaves its stamp, so that those that Ray starts later are compared too: all
    replicas shall give the same answers.
    """
    own = _First(node=f"{socket.gethostname()} ({ray.util.get_node_ip_address()})", stamp=stamp)
    key = f"stamp/{application}"
    _put(key, msgspec.json.encode(own))
    first = msgspec.json.decode(_get(key) or b"", type=_First)
    if first.stamp != stamp:
        raise NotIdentical(
            f"the model's files or the engines' packages on {own.node} ({stamp[:12]}) are not "
            f"those on {first.node} ({first.stamp[:12]}): replicas would give different answers"
        )


def forget_stamp(application: str) -> None:
    """Let the next replica of *application* be the first one."""
    _delete(f"stamp/{application}")


# ── the store ─────────────────────────────────────────────────────────────────
# Ray's own libraries use these functions; there are none without the underscore.


def _put(key: str, value: bytes) -> bool:
    """Store *value* if there is none; return whether there was none."""
    existed = kv._internal_kv_put(  # noqa: SLF001
        key.encode(), value, overwrite=False, namespace=_NAMESPACE
    )
    return not existed


def _get(key: str) -> bytes | None:
    value: bytes | None = kv._internal_kv_get(key.encode(), namespace=_NAMESPACE)  # noqa: SLF001
    return value


def _delete(key: str) -> None:
    kv._internal_kv_del(key.encode(), namespace=_NAMESPACE)  # noqa: SLF001


def _keys(prefix: str) -> list[bytes]:
    keys: list[bytes] = kv._internal_kv_list(prefix.encode(), namespace=_NAMESPACE)  # noqa: SLF001
    return keys


def _job() -> str:
    """Return the id of this process's connection to the cluster."""
    job: str = ray.get_runtime_context().get_job_id()
    return job


def _living_jobs() -> set[str]:
    jobs = kv.internal_kv_get_gcs_client().get_all_job_info(
        skip_submission_job_info_field=True, skip_is_running_tasks_field=True
    )
    return {job.job_id.hex() for job in jobs.values() if not job.is_dead}
