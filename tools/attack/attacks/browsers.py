"""A keyless server on loopback, and a web page in a browser on the same machine."""

from tools.attack.attack import attack
from tools.attack.attacker import Attacker
from tools.attack.wire import chat, get, head, post

CHATS = "/v1/chat/completions"
_BODY = {**chat("one two"), "model": "echo"}


@attack("held", "keyless", 400, 403, 415, quick=True)
async def pages_that_post(attacker: Attacker) -> None:
    """POST as a web page can without asking: `text/plain`, a form, with a foreign `Origin`."""
    origins = (
        "https://evil.example",
        "null",
        "http://127.0.0.1.evil.example",
        "http://localhost:1",
    )
    kinds = ("text/plain", "application/x-www-form-urlencoded", "application/json")
    await attacker.flood(
        *(
            post(CHATS, _BODY, key=False, Origin=origin, Content_Type=kind)
            for origin in origins
            for kind in kinds
        )
    )


@attack("held", "keyless", 400, 403, 421, quick=True)
async def names_that_are_rebound(attacker: Attacker) -> None:
    """Ask under host names that a page's own name server may point at loopback."""
    hosts = (
        "evil.example",
        f"evil.example:{attacker.port}",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
    )
    for host in hosts:
        for path in ("/v1/models", "/health", "/metrics", "/openapi.json"):
            await attacker.send(head("GET", path, {}, key=False, host=host))


@attack("held", "keyless", 200, 204, 400, 403, 404, 405)
async def preflights(attacker: Attacker) -> None:
    """Ask, as a browser does for a page, whether it may post JSON: no header allows it."""
    asked = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, authorization",
    }
    for path in (CHATS, "/v1/models", "/health"):
        answer = await attacker.send(head("OPTIONS", path, asked, key=False), check=False)
        if "access-control-allow-origin" in answer.headers:
            attacker.seen.fault(f"{path} allows {answer.headers['access-control-allow-origin']}")


@attack("held", "keyless", 200)
async def honest_and_keyless(attacker: Attacker) -> None:
    """Ask as scripts do, without `Origin`, under all names of loopback: all are answered."""
    port = attacker.port
    for host in (
        f"127.0.0.1:{port}",
        f"localhost:{port}",
        f"[::1]:{port}",
        "localhost",
        "127.0.0.1",
    ):
        await attacker.send(head("GET", "/v1/models", {}, key=False, host=host))
    await attacker.send(post(CHATS, _BODY, key=False))
    await attacker.send(get("/health", key=False))
