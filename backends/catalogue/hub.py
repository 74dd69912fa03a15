"""The model hub: whether it answers, and the address of each file."""

import os

import httpx

from .download import reason
from .entries import HubRepository

_SECONDS = 3.0
"""Seconds within which the hub has to answer; else the packages are used."""


def url(hub: HubRepository, path: str) -> str:
    """Return the address of the file *path* in the repository *hub*."""
    from huggingface_hub import hf_hub_url

    endpoint = os.environ.get("HF_ENDPOINT") or None
    return hf_hub_url(hub.repository, path, revision=hub.revision, endpoint=endpoint)


def objection(client: httpx.Client, hub: HubRepository, path: str) -> str | None:
    """Return why the file *path* cannot be had from the hub; None if it can be."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return "HF_HUB_OFFLINE is set"
    try:
        # Not to where a large file is redirected: such an address is signed for GET alone.
        answer = client.head(url(hub, path), timeout=_SECONDS, follow_redirects=False)
    except httpx.HTTPError as error:
        return reason(error)
    return f"status {answer.status_code}" if answer.is_error else None
