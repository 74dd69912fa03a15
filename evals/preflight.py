"""Checks before a run that the server has the model, for this key and under this base URL.

A run of ten thousand samples should not fail ten thousand times for a wrong key. If the list of
models contains the model, that is enough. If not, it proves nothing (models behind proxies and
aliases are not listed, and some keys may not list), so the first sample is sent once, as a trial.
"""

from difflib import get_close_matches

import msgspec
import openai
from openai import AsyncOpenAI

from evals.address import alternatives, public
from evals.ask.client import PLACEHOLDER_KEY, PROBE_TIMEOUT
from evals.ask.task import Task
from evals.dataset import Clip, Dialogue, MultipleChoice
from evals.failures import WrongServer, short
from evals.result import Failure
from evals.runner import attempt

NAMES_SHOWN = 8
"""Most model names in a message."""
UNAUTHORISED = {401, 403}
"""HTTP statuses that blame the key."""
NOT_FOUND = {404, 405}
"""HTTP statuses that blame the path or the model."""


class _Card(msgspec.Struct):
    id: str


class _List(msgspec.Struct):
    data: list[_Card]


class _Error(msgspec.Struct):
    error: str | dict[str, object]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to GET /models.

    *names* are the models' names, None if the answer is not a list of models; *openai* is true if
    it has OpenAI's form, as a list or as an error.
    """

    names: list[str] | None = None
    openai: bool = False


async def preflight(
    client: AsyncOpenAI, task: Task, sample: Clip | Dialogue | MultipleChoice
) -> None:
    """Raise WrongServer, with the reason and the remedy, if no sample could be answered."""
    listing = await listed(client, "/models")
    if task.model in (listing.names or ()):
        return
    failure = (await attempt(client, task, sample)).error
    if failure is None:
        return
    where = public(str(client.base_url)).rstrip("/")
    reason = short(failure.message)
    if failure.status in UNAUTHORISED:
        verb = "asks for a key" if client.api_key == PLACEHOLDER_KEY else "refuses the key"
        raise WrongServer(f"{where} {verb} ({reason}): set OPENAI_API_KEY, or --api-key-file")
    if listing.names is None and (failure.status in NOT_FOUND or not listing.openai):
        await _refuse_address(client, where)
    if failure.status in NOT_FOUND:
        raise WrongServer(_unknown(task.model, where, failure, listing.names))
    if not listing.openai:
        raise WrongServer(f"{where} does not answer like OpenAI's API: check --base-url ({reason})")


async def listed(client: AsyncOpenAI, url: str) -> Listing:
    """Request the list of models at *url* once; return an empty Listing if no answer comes."""
    probe = client.with_options(max_retries=0, timeout=PROBE_TIMEOUT)
    try:
        text = await probe.get(url, cast_to=str)
    except openai.APIStatusError as error:
        return Listing(openai=_decodes(error.response.text, _Error))
    except openai.APIConnectionError:
        return Listing()
    if not _decodes(text, _List):
        return Listing()
    names = [card.id for card in msgspec.json.decode(text, type=_List).data]
    return Listing(names=names, openai=True)


def _decodes(text: str, kind: type[msgspec.Struct]) -> bool:
    try:
        msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


async def _refuse_address(client: AsyncOpenAI, where: str) -> None:
    """Raise WrongServer if another path of the same server has the API."""
    for other in alternatives(where):
        if (await listed(client, f"{other}/models")).names is not None:
            raise WrongServer(f"{where} is not where the API is: use --base-url {other}")


def _unknown(model: str, where: str, failure: Failure, names: list[str] | None) -> str:
    if not names:
        return f"{where} has no model {model!r} for this task ({short(failure.message)})"
    near = get_close_matches(model, names, n=1)
    hint = f", did you mean {near[0]!r}?" if near else ""
    more = ", …" if len(names) > NAMES_SHOWN else ""
    return f"{where} has no model {model!r}{hint}; it has {', '.join(names[:NAMES_SHOWN])}{more}"
