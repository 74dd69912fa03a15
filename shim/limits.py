"""Defines how much clients may use of the server: the `[server.limits]` table and its defaults."""

from typing import Annotated

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1)]
Bytes = Annotated[int, Meta(ge=1024)]
Rate = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0)]
Delay = Annotated[float, Meta(ge=0, le=60)]

Name = Annotated[str, Meta(max_length=256)]
"""A name in a request, of a model or a function: it is looked up, and repeated in errors."""


def _limit(description: str, refusal: str) -> Meta:
    """Return metadata with a limit's *description*, and the *refusal* of a request beyond it.

    `python -m tools.limits_table` makes `docs/limits.md` from these texts.
    """
    return Meta(description=description, extra={"refusal": refusal})


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[server.limits]` table."""

    # ── connections ──
    connections: Annotated[
        Count,
        _limit("Connections open at once.", "503 with Retry-After, then the connection ends"),
    ] = 8192
    head_seconds: Annotated[
        Seconds,
        _limit(
            "Seconds from a connection's start, or a request's first byte, to the end of its head.",
            "408, or no answer if nothing was received; the connection ends",
        ),
    ] = 20.0
    head_bytes: Annotated[
        Bytes, _limit("Bytes of a request's line and headers together.", "431")
    ] = 32 << 10
    idle_seconds: Annotated[
        Seconds,
        _limit(
            "Seconds that an idle connection stays open between two requests. Clients keep theirs "
            "for up to 60 s.",
            "the connection ends",
        ),
    ] = 75.0
    body_seconds: Annotated[
        Seconds,
        _limit(
            "Seconds in which a body must be complete, or arrive at its minimum rate. The rate is "
            "checked again after each further period of that length.",
            "408",
        ),
    ] = 30.0
    body_bytes_per_second: Annotated[
        Rate, _limit("Minimum rate of a body that takes longer than `body_seconds`.", "408")
    ] = 1024
    write_seconds: Annotated[
        Seconds,
        _limit(
            "Seconds in which a client reads nothing of an answer that is waiting to be sent.",
            "the connection ends, and the work for it is cancelled",
        ),
    ] = 60.0

    refusal_delay_seconds: Annotated[
        Delay,
        _limit(
            "Most seconds by which the same refusal to the same client is delayed. The tenth is "
            "delayed by 0.02 s, each further one by twice as long; ten seconds without it end the "
            "streak. 0 turns delays off.",
            "the same 400 (401, 403, 404, 405, 415), later; logged once",
        ),
    ] = 1.0

    # ── bodies ──
    body_bytes: Annotated[Bytes, _limit("Bytes of a JSON body.", "413")] = 64 << 20
    upload_bytes: Annotated[
        Bytes, _limit("Bytes of a multipart body, whose file is written to disk.", "413")
    ] = 1 << 30
    field_bytes: Annotated[
        Bytes, _limit("Bytes of all fields of an upload together, without its file.", "400")
    ] = 1 << 20
    held_bytes: Annotated[
        Bytes,
        _limit(
            "Bytes of the JSON bodies of all requests in progress together.",
            "429 with Retry-After, before the body is read if its length is stated",
        ),
    ] = 512 << 20
    decoded_bytes: Annotated[
        Bytes,
        _limit(
            "Bytes of the decoded audio of all requests together: 2 for each sample at 16 kHz, or "
            "3.2 if a model has 128 mels; four hours are 440 or 700 MiB. A quarter is reserved for "
            "recordings that take less than a 64th.",
            "the recording waits for its turn; 400 if it needs more than three quarters",
        ),
    ] = 1 << 30
    json_values: Annotated[
        Count,
        _limit(
            "Items of all lists and members of all objects in a JSON body together.",
            "400",
        ),
    ] = 500_000
    text_characters: Annotated[
        Annotated[int, Meta(ge=1 << 17)],
        _limit(
            "Characters of one string in a JSON body, unless all are ASCII, as in base64.",
            "400",
        ),
    ] = 4 << 20

    # ── counts within a body ──
    messages: Annotated[Count, _limit("Messages of a chat, or input items.", "400")] = 4096
    content_parts: Annotated[
        Count,
        _limit(
            "Parts of the contents of all messages together; tool calls of all messages together.",
            "400",
        ),
    ] = 4096
    tools: Annotated[Count, _limit("Tools of a request.", "400")] = 256
    prompts: Annotated[
        Count, _limit("Prompts of a completion, or inputs of an embedding.", "400")
    ] = 2048
    files: Annotated[
        Count, _limit("Recordings of a transcription: items of `files` in a JSON body.", "400")
    ] = 64
    choices: Annotated[
        Count, _limit("Choices of a request: `n` times the number of prompts.", "400")
    ] = 4096
    stop_strings: Annotated[Count, _limit("Stop strings.", "400")] = 256
    logit_bias: Annotated[Count, _limit("Entries of `logit_bias`.", "400")] = 4096
    list_items: Annotated[
        Count,
        _limit(
            "Items of any other list or object in a body; lists of token ids are limited by "
            "`json_values` only.",
            "400",
        ),
    ] = 4096
    tokenize_bytes: Annotated[
        Bytes,
        _limit(
            "Bytes of the body of a request to `/tokenize` or `/detokenize`, which need no key by "
            "default: this is at most as many tokens, and takes about 200 MB of memory.",
            "413",
        ),
    ] = 1 << 20
