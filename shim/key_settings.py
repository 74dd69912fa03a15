"""Defines the keys that clients send, their models and their rate limits: parts of `[server]`."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from backends.config import ModelId

ApiKey = Annotated[str, Meta(min_length=1, pattern=r"^(sha256:[0-9a-f]{64}|(?!sha256:)\S+)$")]
"""A key as clients send it, or `sha256:` and the hex digest of one."""

KeyName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
"""A key's name in the log, in metrics and in answers of `shim check`."""

PerMinute = Annotated[int, Meta(ge=1)]

Unit: TypeAlias = Literal["requests", "tokens", "audio-seconds"]
"""What rate limits count, as OpenAI's headers name it, and Groq's the last."""

Rates: TypeAlias = Mapping[Unit, int]
"""The most of each unit in a minute; a unit that is missing is not limited."""

_DIGEST = "sha256:"


class RateLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[server.rate_limits]` table: what each key may use in a minute; None: unlimited."""

    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    """Tokens of prompts and of answers together."""
    audio_seconds_per_minute: PerMinute | None = None
    """Seconds of recordings."""

    @property
    def by_unit(self) -> Rates:
        """The limits that are set."""
        limits: dict[Unit, int | None] = {
            "requests": self.requests_per_minute,
            "tokens": self.tokens_per_minute,
            "audio-seconds": self.audio_seconds_per_minute,
        }
        return {unit: limit for unit, limit in limits.items() if limit is not None}

    def over(self, defaults: "RateLimits") -> "RateLimits":
        """Return these limits, and those of *defaults* for the ones that are None."""
        return RateLimits(
            requests_per_minute=self.requests_per_minute or defaults.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute or defaults.tokens_per_minute,
            audio_seconds_per_minute=(
                self.audio_seconds_per_minute or defaults.audio_seconds_per_minute
            ),
        )


class NamedKey(RateLimits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of `[[server.keys]]`: a key, whose it is, and what it may use."""

    name: KeyName
    key: ApiKey
    """The digest of the key, also if the settings have it in plain."""
    models: Annotated[tuple[ModelId, ...], Meta(min_length=1)] | None = None
    """The models that the key may use, each by one of its names; None: all models. An adapter is a
    model of its own."""

    def __post_init__(self) -> None:
        """Replace a plain key by its digest, so that nothing can print it."""
        force_setattr(self, "key", hashed(self.key))


def hashed(key: str) -> str:
    """Return *key* as `sha256:` and a hex digest, which it may be already."""
    return key if key.startswith(_DIGEST) else _DIGEST + hashlib.sha256(key.encode()).hexdigest()


def digest(key: str) -> bytes:
    """Return the 32 bytes of the digest in *key*, which has the form that `hashed` returns."""
    return bytes.fromhex(key.removeprefix(_DIGEST))
