"""The way to the server: the only room that builds openai clients and waits for a server."""

import os

import backoff
import openai
from openai import AsyncOpenAI

from evals import keys
from evals.address import checked, is_loopback, public
from evals.ask.describe import describe, to_failure
from evals.failures import NoKey, ServerNotReady, short

OPENAI = "https://api.openai.com/v1"
TIMEOUT = 300.0
MAX_RETRIES = 3
CONNECT_TIMEOUT = 10.0
PROBE_TIMEOUT = 5.0
# The client insists on a key; a server on this machine seldom does.
PLACEHOLDER_KEY = "no-key"


def connect(
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    timeout: float = TIMEOUT,
    max_retries: int = MAX_RETRIES,
) -> AsyncOpenAI:
    """Build the client; close it with `async with`.

    *base_url* is up to and including `/v1`, by default `OPENAI_BASE_URL`, then OpenAI's own;
    *api_key* by default `OPENAI_API_KEY`. *timeout* is the longest silence within one attempt, in
    seconds; *max_retries* counts the attempts after the first. Raises BadAddress, NoKey.
    """
    base_url = checked(base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI)
    loopback = is_loopback(base_url)
    variable = os.environ.get("OPENAI_API_KEY", "").strip()
    api_key = api_key or variable or (PLACEHOLDER_KEY if loopback else None)
    if api_key is None:
        raise NoKey(
            f"{public(base_url)} is on another machine: set OPENAI_API_KEY or --api-key-file,"
            " or name another server with --base-url"
        )
    source = "OPENAI_API_KEY" if api_key == variable else "--api-key"
    return AsyncOpenAI(
        base_url=base_url,
        api_key=keys.checked(api_key, source=source),
        max_retries=max_retries,
        timeout=openai.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT)),
        # No proxy stands between a machine and itself, whatever HTTP_PROXY says.
        http_client=openai.DefaultAsyncHttpxClient(trust_env=not loopback),
    )


async def await_ready(client: AsyncOpenAI, *, path: str = "/models", seconds: float = 60.0) -> int:
    """Wait until *path* is answered with anything but a 5xx; return how many probes came before.

    A 401 or a 404 is an answer too: the server is up, and the samples will say the rest. *path* is
    relative to the base URL, or a whole URL. Raises ServerNotReady after *seconds*; at once where
    waiting cannot help, as it is the TLS that fails.
    """
    probe = client.with_options(max_retries=0, timeout=PROBE_TIMEOUT)
    failed: list[object] = []
    patiently = backoff.on_exception(
        backoff.expo,
        (openai.APIConnectionError, openai.InternalServerError),
        factor=0.05,
        max_value=1,
        jitter=None,
        max_time=seconds,
        giveup=lambda error: _hopeless(error) is not None,
        on_backoff=failed.append,
        logger=None,
    )

    async def ask() -> None:
        try:
            await probe.get(path, cast_to=str)
        except openai.InternalServerError:
            raise
        except openai.APIStatusError:
            return

    try:
        await patiently(ask)()
    except (openai.APIConnectionError, openai.InternalServerError) as error:
        where = public(str(client.base_url))
        if reason := _hopeless(error):
            raise ServerNotReady(f"{where} cannot be reached: {reason}") from error
        reason = short(to_failure(error, secret=client.api_key).message)
        raise ServerNotReady(
            f"{where} was not ready within {seconds:g} s: {reason}; is it running, and is this its"
            " address (http or https, host, port)?"
        ) from error
    return len(failed)


def _hopeless(error: BaseException) -> str | None:
    """Return what to do about an *error* of TLS, None for another."""
    seen = describe(error) if isinstance(error, Exception) else ""
    if "WRONG_VERSION_NUMBER" in seen or "RECORD_LAYER_FAILURE" in seen:
        return "it does not speak TLS; write http:// instead of https://"
    if "CERTIFICATE_VERIFY_FAILED" in seen:
        return f"{seen}; name the certificates that you trust in SSL_CERT_FILE"
    return None
