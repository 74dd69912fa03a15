"""Runs the checks of all models, and collects what a reader needs to repeat them."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
from openai import AsyncOpenAI

from evals.address import public
from evals.failures import WrongServer
from evals.verify import determinism, fidelity
from evals.verify.answers import TOLERANCE
from evals.verify.check import Check, judged
from evals.verify.contract import chat as contract_of_chats
from evals.verify.contract import errors as contract_of_errors
from evals.verify.contract import speech as contract_of_speech
from evals.verify.contract import texts as contract_of_texts
from evals.verify.honesty import chat as honesty_of_chats
from evals.verify.honesty import speech as honesty_of_speech
from evals.verify.server import Server
from evals.verify.shapes import Cards
from evals.verify.target import ROUTES, Target
from evals.verify.verdict import Breach, NotChecked, Verdict, Word
from evals.verify.weights import Weights

CHECKS: tuple[Check, ...] = (
    *contract_of_errors.CHECKS,
    *contract_of_chats.CHECKS,
    *contract_of_texts.CHECKS,
    *contract_of_speech.CHECKS,
    *honesty_of_chats.CHECKS,
    *honesty_of_speech.CHECKS,
    *fidelity.CHECKS,
    *determinism.CHECKS,
)
"""All checks, in the order in which they are made: the cheap ones first."""

PACKAGES = ("evalshim", "openai", "faster-whisper", "ctranslate2", "transformers", "torch")
"""Packages whose versions are recorded, where they are installed."""

Watch = Callable[[str, str], None]
"""Called with a model and a check before each of them."""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model.

    *refused* has the reason for each route that does not answer it; *manifest* is the server's own
    of a transcription without options; *local* the SHA-256 of the weights it was compared with.
    """

    model: str
    same_as: str | None = None
    routes: list[str]
    refused: dict[str, str]
    fingerprint: str | None
    transcription_options: dict[str, Any]
    manifest: dict[str, Any]
    local: dict[str, str]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of all checks: enough to repeat them. It never contains a key."""

    verdict: Word
    base_url: str
    started_at: str
    seconds: float
    tolerance: float
    versions: dict[str, str]
    models: list[Served]
    verdicts: list[Verdict]

    def count(self, word: Word) -> int:
        """Return the number of checks with the verdict *word*."""
        return sum(verdict.verdict == word for verdict in self.verdicts)


async def prove(
    client: AsyncOpenAI,
    models: Sequence[str],
    *,
    weights: Mapping[str, Weights],
    only: Iterable[str],
    watch: Watch,
) -> Proof:
    """Make the checks whose name or section is in *only*, or all, of *models*, or of all listed.

    A model that is listed under several names is checked under one of them. *weights* are those on
    this machine, by model. Raises WrongServer if the server does not list its models, or if there
    are weights of a model that is not checked.
    """
    began, started = time.perf_counter(), datetime.now(UTC)
    server, wanted = Server(client), set(only)
    checks = [c for c in CHECKS if not wanted or {c.name, c.section} & wanted]
    served: list[Served] = []
    verdicts: list[Verdict] = []
    names: dict[str, str] = {}
    for name in await _names(server, models, weights):
        target = Target(server, name, weights.get(name))
        watch(name, "routes")
        await target.look()
        # A model that was named is checked, whatever else it is called.
        twin = name if models else names.setdefault(_identity(target) or name, name)
        served.append(await _served(target, same_as=None if twin == name else twin))
        if twin == name:
            verdicts += await _verdicts(target, checks, watch)
    return Proof(
        verdict=_overall(verdicts),
        base_url=public(str(client.base_url)).rstrip("/"),
        started_at=started.isoformat(timespec="seconds"),
        seconds=time.perf_counter() - began,
        tolerance=TOLERANCE,
        versions=_versions(),
        models=served,
        verdicts=verdicts,
    )


async def _names(
    server: Server, models: Sequence[str], weights: Mapping[str, Weights]
) -> list[str]:
    """Return *models*, else all that the server lists; those with *weights* first.

    So a model is checked under the name that has weights. Raises WrongServer.
    """
    try:
        names = models or [card.id for card in (await server.models()).read(Cards).data]
    except (NotChecked, Breach) as error:
        raise WrongServer(f"no list of models ({error}): name them with --model") from error
    if strange := sorted(weights.keys() - set(names)):
        raise WrongServer(f"--local names {strange[0]}, which is not one of {', '.join(names)}")
    return sorted(names, key=lambda name: name not in weights)


async def _verdicts(target: Target, checks: Sequence[Check], watch: Watch) -> list[Verdict]:
    found = []
    for check in checks:
        if check.concerns(target):
            watch(target.model, check.name)
            found.append(await judged(check, target))
    return found


def _identity(target: Target) -> str | None:
    """Return what the names of one model share: its fingerprint, or its manifest's hash."""
    manifest = target.replies["transcriptions"].headers.get("x-shim-manifest")
    return target.fingerprint or manifest


async def _served(target: Target, *, same_as: str | None) -> Served:
    answers = [route for route in ROUTES if not target.lacks(route)]
    speaks = "transcriptions" in answers
    return Served(
        model=target.model,
        same_as=same_as,
        routes=list(answers),
        refused={route: target.lacks(route) for route in ROUTES if route not in answers},
        fingerprint=target.fingerprint,
        transcription_options=target.speech if speaks else {},
        manifest=await target.server.manifest(target.model) if speaks else {},
        local=target.weights.hashes() if target.weights else {},
    )


def _overall(verdicts: Sequence[Verdict]) -> Word:
    words = {verdict.verdict for verdict in verdicts}
    if "breach" in words:
        return "breach"
    return "passed" if "passed" in words else "not checked"


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
