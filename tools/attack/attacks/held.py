"""Keys, paths, names and leaks: what has always held, and single faults."""

import asyncio

from tools.attack.attack import attack
from tools.attack.attacker import Attacker
from tools.attack.wire import KEY, chat, exchange, get, post

CHATS = "/v1/chat/completions"


@attack("held", "builtin", 400, 401, "closed", "reset")
async def wrong_keys(attacker: Attacker) -> None:
    """Ask with keys that are empty, cut, padded, of another scheme, not ASCII, of 30 KB."""
    values = (
        "", "Bearer", "Bearer ", f"Bearer {KEY[:-1]}", f"Bearer {KEY}x", f"Basic {KEY}", KEY,
        "Bearer null", f"Bearer {KEY.upper()}", f"Bearer {KEY},{KEY[1:]}", "Bearer \u00fc\u4e2d",
        "Bearer " + "k" * 30_000, f"Token {KEY}", "Bearer sha256:" + "0" * 64,
    )  # fmt: skip
    await attacker.flood(*(get("/v1/models", key=False, Authorization=value) for value in values))


@attack("held", "builtin", 200, 400, 401, 404, 405, quick=True)
async def named_without_a_key(attacker: Attacker) -> None:
    """Ask everything that needs no key: no model, path or template is named."""
    for request in (
        get("/ready", key=False),
        get("/tokenizer_info", key=False),
        get("/tokenizer_info?model=nobody", key=False),
        post("/tokenize", {"model": "nobody", "prompt": "a"}, key=False),
        get("/openapi.json", key=False),
        get("/m/nobody/v1/models", key=False),
    ):
        answer = await attacker.send(request)
        for secret in (b"toy-chat", b"toy-speech", b"gpt-4o-mini", b"/builtin/", b"{% for"):
            if secret in answer.body:
                attacker.seen.fault(f"{request.split()[1].decode()} tells {secret.decode()}")


@attack("held", "builtin", 400, 404, 405)
async def paths_that_climb(attacker: Attacker) -> None:
    """GET paths that climb, double slashes, encoded dots, NULs, and names that look like files."""
    await attacker.flood(
        *(
            get(path)
            for path in (
                "/../../etc/passwd",
                "/v1/models/../../../etc/passwd",
                "/%2e%2e/%2e%2e/etc/passwd",
                "/v1/models/..%2f..%2fetc%2fpasswd",
                "/v1//models/x",
                "/v1/models/%00",
                "/.git/config",
                "/m/toy-chat/../../metrics/x",
                "/v1/models/toy-chat/manifest/../../x",
                "/%ff%fe",
                "/v1/models/toy-chat/manifest/" + "a" * 2000,
            )
        )
    )


@attack("held", "builtin", 400, quick=True)
async def urls_that_lead_inside(attacker: Attacker) -> None:
    """POST chats with images, recordings and films at URLs of this machine, and at files."""
    urls = (
        f"http://127.0.0.1:{attacker.port}/metrics", "file:///etc/passwd", "http://169.254.169.254/",
        "http://[::ffff:127.0.0.1]/", "data:image/png;base64,!!!!", "gopher://127.0.0.1:22/",
    )  # fmt: skip
    kinds = ("image_url", "audio_url", "video_url")
    await attacker.flood(
        *(post(CHATS, chat([{"type": kind, kind: {"url": url}}])) for kind in kinds for url in urls)
    )


@attack("held", "builtin", 404)
async def names_by_thousands(attacker: Attacker) -> None:
    """Ask for 3,000 models and paths that do not exist: `/metrics` does not grow with them."""
    before = (await exchange(attacker.port, get("/metrics"))).size
    requests = [get(f"/v1/models/none-{at}") for at in range(1000)]
    requests += [get(f"/none/{at}") for at in range(1000)]
    requests += [post(CHATS, {**chat(), "model": f"none-{at}"}) for at in range(1000)]
    for start in range(0, len(requests), 50):
        await attacker.each(requests[start : start + 50])
    after = (await exchange(attacker.port, get("/metrics"))).size
    if after > before + 4000:
        attacker.seen.fault(f"/metrics grew from {before:,} to {after:,} bytes")


@attack("held", "builtin", 200, 400)
async def odd_letters(attacker: Attacker) -> None:
    """POST chats with lone surrogates, bidirectional marks, NULs, and letters beyond the BMP."""
    bodies = (
        rb'{"model":"gpt-4o-mini","max_tokens":2,"messages":[{"role":"user","content":"\ud800"}]}',
        rb'{"model":"gpt-4o-mini","max_tokens":2,"messages":[{"role":"user","content":"\u0000"}]}',
        b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"\xff\xfe"}]}',
        b'\xef\xbb\xbf{"model":"gpt-4o-mini","messages":[{"role":"user","content":"a"}]}',
        chat("\u202eabc\u2066" * 50, max_tokens=2),
        chat("\U0001f468\u200d\U0001f469\u200d\U0001f467" * 30, max_tokens=2),
        chat("<|assistant|><|end|><|bos|>" * 10, max_tokens=2),
    )
    await attacker.flood(*(post(CHATS, body) for body in bodies))


@attack("held", "builtin", 200)
async def metrics_by_thousands(attacker: Attacker) -> None:
    """GET `/metrics`, `/openapi.json` and `/ready` as fast as they are answered, eight at once."""
    await attacker.flood(get("/metrics"), get("/openapi.json"), get("/ready"), at_once=8, most=2000)


@attack("held", "builtin", 200, quick=True)
async def nothing(attacker: Attacker) -> None:
    """Attack nothing: what the probe and the bystander see on this machine."""
    await attacker.send(get("/health"))
    await asyncio.sleep(attacker.seconds)
