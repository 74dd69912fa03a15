"""What one client may use of the server: the `[server.limits]` table, with its defaults."""

from typing import Annotated

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1)]
Bytes = Annotated[int, Meta(ge=1024)]
Rate = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0)]
Delay = Annotated[float, Meta(ge=0, le=60)]

Name = Annotated[str, Meta(max_length=256)]
"""A name in a request: of a model, of a function; it is looked up, and repeated in errors."""


def _limit(description: str, refusal: str) -> Meta:
    """Describe one limit: what it counts and in which unit, and what a client sees beyond it.

    `python -m tools.limits_table` makes `docs/limits.md` of these texts.
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
            "408, or no answer if nothing was sent; the connection ends",
        ),
    ] = 20.0
    head_bytes: Annotated[
        Bytes, _limit("Bytes of a request's line and headers together.", "431")
    ] = 32 << 10
    idle_seconds: Annotated[
        Seconds,
        _limit(
            "Seconds that a connection stays open between two requests. Clients keep theirs for "
            "up to 60 s.",
            "the connection ends",
        ),
    ] = 75.0
    body_seconds: Annotated[
        Seconds,
        _limit(
            "Seconds within which a body must be complete, or have its least rate: each further "
            "span of that length counts by itself.",
            "408",
        ),
    ] = 30.0
    body_bytes_per_second: Annotated[
        Rate, _limit("Least rate of a body that takes longer than `body_seconds`.", "408")
    ] = 1024
    write_seconds: Annotated[
        Seconds,
        _limit(
            "Seconds in which a client reads nothing of an answer that waits for it.",
            "the connection ends, and the work for it is aborted",
        ),
    ] = 60.0

    refusal_delay_seconds: Annotated[
        Delay,
        _limit(
            "Longest delay of an answer by which one client is refused the same request again and "
            "again, in seconds. The tenth waits 0.02, each further one twice as long; ten seconds "
            "without it end the row. 0: none waits.",
            "the same 400 (401, 403, 404, 405, 415), later; logged once",
        ),
    ] = 1.0

    # ── bodies ──
    body_bytes: Annotated[Bytes, _limit("Bytes of a JSON body.", "413")] = 64 << 20
    upload_bytes: Annotated[
        Bytes, _limit("Bytes of a multipart body; its file spools to disk.", "413")
    ] = 1 << 30
    field_bytes: Annotated[
        Bytes, _limit("Bytes of all fields beside the file of an upload together.", "400")
    ] = 1 << 20
    held_bytes: Annotated[
        Bytes,
        _limit(
            "Bytes of the JSON bodies of all requests that have not been answered, together.",
            "503 with Retry-After",
        ),
    ] = 512 << 20
    decoded_bytes: Annotated[
        Bytes,
        _limit(
            "Bytes of the decoded audio of all requests together, 2 for a sample at 16 kHz or 3.2 "
            "where a model has 128 mels: four hours are 440 or 700 MiB. A quarter is for "
            "recordings that take less than a 64th.",
            "the recording waits for its turn; 400 if it is longer than three quarters hold",
        ),
    ] = 1 << 30
    json_values: Annotated[
        Count,
        _limit(
            "Items of all lists and members of all objects of a JSON body, together.",
            "400",
        ),
    ] = 500_000
    text_characters: Annotated[
        Annotated[int, Meta(ge=1 << 17)],
        _limit(
            "Characters of one string in a JSON body, unless all are ASCII, as base64 is.",
            "400",
        ),
    ] = 4 << 20

    # ── counts within a body ──
    messages: Annotated[Count, _limit("Messages of a chat, or input items.", "400")] = 4096
    content_parts: Annotated[
        Count,
        _limit(
            "Parts of the contents of all messages together; calls of tools in them, as many "
            "again.",
            "400",
        ),
    ] = 4096
    tools: Annotated[Count, _limit("Tools of a request.", "400")] = 256
    prompts: Annotated[
        Count, _limit("Prompts of a completion, or inputs of an embedding.", "400")
    ] = 2048
    choices: Annotated[
        Count, _limit("Choices of a request: `n`, times the number of prompts.", "400")
    ] = 4096
    stop_strings: Annotated[Count, _limit("Stop strings.", "400")] = 256
    logit_bias: Annotated[Count, _limit("Entries of `logit_bias`.", "400")] = 4096
    list_items: Annotated[
        Count,
        _limit(
            "Items of any other list or object of a body; lists of token ids are bounded by "
            "`json_values`.",
            "400",
        ),
    ] = 4096
    tokenize_bytes: Annotated[
        Bytes,
        _limit(
            "Bytes of the body of a request to `/tokenize` or `/detokenize`, which need no key by "
            "default: at most as many tokens, and some 200 MB while they are found.",
            "413",
        ),
    ] = 1 << 20
