"""Builds openai clients and waits until a server is ready; no other module does."""

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
"""Seconds of silence after which an attempt has failed."""
MAX_RETRIES = 3
"""Attempts after the first one."""
CONNECT_TIMEOUT = 10.0
"""Seconds that a connection may take to open."""
PROBE_TIMEOUT = 5.0
"""Seconds that one request before the run may take, such as whether the server is ready."""
PLACEHOLDER_KEY = "no-key"
"""Key for a server on this machine: the SDK requires one, the server seldom does."""


def connect(
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    timeout: float = TIMEOUT,
    max_retries: int = MAX_RETRIES,
) -> AsyncOpenAI:
    """Return a client; close it with `async with`.

    *base_url* goes up to and includes `/v1`; the default is `OPENAI_BASE_URL`, else OpenAI's own.
    *api_key* is by default `OPENAI_API_KEY`. *timeout* is the longest silence within one attempt,
    in seconds; *max_retries* the number of attempts after the first. Raises BadAddress, NoKey.
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
        # A machine needs no proxy to reach itself, even if HTTP_PROXY is set.
        http_client=openai.DefaultAsyncHttpxClient(trust_env=not loopback),
    )


async def await_ready(client: AsyncOpenAI, *, path: str = "/models", seconds: float = 60.0) -> int:
    """Wait until *path* is answered with a status below 500; return how many probes failed before.

    A 401 or a 404 is an answer too: the server runs, and a later request shows the rest. *path* is
    relative to the base URL, or a whole URL. Raises ServerNotReady after *seconds*, or at once for
    an error of TLS, which waiting does not cure.
    """
    probe = client.with_options(max_retries=0, timeout=PROBE_TIMEOUT)
    failed: list[object] = []
    retrying = backoff.on_exception(
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

    async def probe_once() -> None:
        try:
            await probe.get(path, cast_to=str)
        except openai.InternalServerError:
            raise
        except openai.APIStatusError:
            return

    try:
        await retrying(probe_once)()
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
    """Return the reason and the remedy if *error* is one of TLS, else None."""
    message = describe(error) if isinstance(error, Exception) else ""
    if "WRONG_VERSION_NUMBER" in message or "RECORD_LAYER_FAILURE" in message:
        return "it does not speak TLS; write http:// instead of https://"
    if "CERTIFICATE_VERIFY_FAILED" in message:
        return f"{message}; name the certificates that you trust in SSL_CERT_FILE"
    return None
