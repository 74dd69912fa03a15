"""The contract of all routes: the list of models, and errors in OpenAI's shape."""

from typing import Any

from evals.verify import samples
from evals.verify.check import Check
from evals.verify.reply import Reply, decoded
from evals.verify.shapes import Card, Cards, Refusal
from evals.verify.target import ROUTES, Feature, Target
from evals.verify.verdict import Findings, NotChecked

UNKNOWN = "no-such-model-2f61"
BAD_REQUEST = 400
UNPROCESSABLE = 422
NOT_FOUND = 404


async def plain_requests(target: Target, found: Findings) -> None:
    """Each route answers a plain request, or refuses it with 4xx or 501: never with a failure."""
    if all(reply.refused for reply in target.replies.values()):
        raise NotChecked(f"no route answers; chats: {target.lacks('chat')}")
    for reply in target.replies.values():
        right = reply.ok or reply.refused
        found.expect(right, reply.request, expected="an answer or a refusal", got=reply.reason)


async def list_of_models(target: Target, found: Findings) -> None:
    """The list of models names the model, and its card has the same name."""
    reply = await target.server.models()
    card = await target.server.model(target.model)

    reply.parsed()
    names = [found.id for found in reply.read(Cards).data]
    found.expect(target.model in names, reply.request, expected=target.model, got=names)
    found.equal(card.request, expected=target.model, got=card.read(Card).id)


async def unknown_model(target: Target, found: Findings) -> None:
    """A model that the server does not have is a 404 in OpenAI's shape, on each route."""
    unknown = Target(target.server, UNKNOWN)
    requests = {
        "chat": lambda: unknown.chat(samples.QUESTIONS[0]),
        "text": lambda: unknown.text(samples.TEXTS[0]),
        "responses": lambda: unknown.response(samples.QUESTIONS[0]),
        "embeddings": lambda: unknown.embedding([samples.TEXTS[0]]),
        "transcriptions": lambda: unknown.transcription(samples.clips()[0]),
    }
    for route in ROUTES:
        if not target.lacks(route):
            _check_refusal(found, await requests[route](), {NOT_FOUND})
    _check_refusal(found, await target.server.model(UNKNOWN), {NOT_FOUND})


async def missing_fields(target: Target, found: Findings) -> None:
    """A request without its messages, prompt, input or file is a 400 in OpenAI's shape."""
    paths: dict[Feature, str] = {
        "chat": "chat/completions",
        "text": "completions",
        "responses": "responses",
        "embeddings": "embeddings",
        "transcriptions": "audio/transcriptions",
    }
    for route, path in paths.items():
        if not target.lacks(route):
            reply = await target.server.post(path, {"model": target.model})
            _check_refusal(found, reply, {BAD_REQUEST, UNPROCESSABLE})


async def values_of_a_wrong_kind(target: Target, found: Findings) -> None:
    """A value of a wrong type, such as a word for a number, is a 400 in OpenAI's shape."""
    hot: dict[str, Any] = {"temperature": "hot"}
    replies = []
    if not target.lacks("chat"):
        replies.append(await target.chat(samples.QUESTIONS[0], **hot))
        replies.append(await target.chat(samples.QUESTIONS[0], max_tokens="many"))
    if not target.lacks("text"):
        replies.append(await target.text(samples.TEXTS[0], **hot))
    if not target.lacks("transcriptions"):
        clip = samples.clips()[0]
        replies.append(await target.transcription(clip, **hot))
        replies.append(await target.transcription(clip, response_format="docx"))
    if not target.lacks("embeddings"):
        replies.append(await target.embedding([samples.TEXTS[0]], encoding_format="words"))
    for reply in replies:
        _check_refusal(found, reply, {BAD_REQUEST, UNPROCESSABLE})


def _check_refusal(found: Findings, reply: Reply, statuses: set[int]) -> None:
    """Compare a refusal's status and shape."""
    words = " or ".join(map(str, sorted(statuses)))
    found.expect(
        reply.status in statuses,
        reply.request,
        expected=f"a refusal with {words}",
        got=reply.reason,
    )
    if reply.refused:
        refusal = decoded(reply.content, Refusal, request=reply.request)
        found.expect(bool(refusal.error.message), reply.request, expected="a message", got=refusal)


CHECKS = (
    Check("contract", (), plain_requests),
    *(
        Check("contract", ROUTES, run)
        for run in (
            list_of_models,
            unknown_model,
            missing_fields,
            values_of_a_wrong_kind,
        )
    ),
)
