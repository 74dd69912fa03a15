"""Errors that backends raise, by their meaning: without HTTP statuses and names of engines."""


class BackendError(Exception):
    """The base class of the errors below; the wire maps each to an HTTP status."""


class InvalidRequest(BackendError):
    """A request that cannot be answered, now or later, unless it is changed."""

    def __init__(self, message: str, *, option: str | None = None) -> None:
        super().__init__(message)
        self.option = option
        """Name of the field or option that is at fault, as it is called at the seam; None if it is
        not a single one."""


class InvalidOption(InvalidRequest):
    """A value that this engine does not accept."""


class UnsupportedOption(InvalidRequest):
    """An option that this engine does not have, and that would change the answer."""


class PromptTooLong(InvalidRequest):
    """A prompt that, with the requested completion, exceeds the model's context."""

    @classmethod
    def by(cls, *, prompt: int, completion: int, context: int) -> "PromptTooLong":
        """Return the error in OpenAI's words; the three sizes are in tokens.

        Evaluation harnesses search for "maximum context length".
        """
        return cls(
            f"This model's maximum context length is {context} tokens. However, you requested "
            f"{prompt + completion} tokens ({prompt} in the messages, {completion} in the "
            "completion). Please reduce the length of the messages or completion.",
            option="messages" if prompt >= context else "max_tokens",
        )

    @classmethod
    def uncounted(cls, *, context: int) -> "PromptTooLong":
        """Return the error for a prompt whose tokens were not all counted; *context* in tokens."""
        return cls(
            f"This model's maximum context length is {context} tokens. However, your messages "
            f"have more than {context} tokens. Please reduce the length of the messages.",
            option="messages",
        )


class UnknownLanguage(InvalidRequest):
    """A language that the model was not trained on."""


class UndecodableAudio(InvalidRequest):
    """Bytes that are not audio, or that cannot be decoded to their end."""


class NoAudio(UndecodableAudio):
    """A media file without an audio stream."""


class EmptyAudio(UndecodableAudio):
    """A file that ends before its first sample of audio, or that has no byte at all."""


class TruncatedAudio(UndecodableAudio):
    """A file with less audio than its container states."""


class AudioTooLong(InvalidRequest):
    """A recording of more seconds than the server is configured to accept."""


class AudioTooLarge(AudioTooLong):
    """A recording that has more bytes, when decoded, than the server is configured to accept."""


class AudioTooCostly(AudioTooLong):
    """A recording that takes longer to decode than the server is configured to accept."""


class EngineDead(BackendError):
    """An engine that has stopped; the same request may succeed later."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """*retry_after*: seconds until the engine may answer again; None if it is not known."""
        super().__init__(message)
        self.retry_after = retry_after


class EngineBusy(BackendError):
    """An engine with more requests than it takes; the same request may succeed later."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        """*retry_after*: seconds until the engine may take it."""
        super().__init__(message)
        self.retry_after = retry_after


class NoUpstream(EngineDead):
    """None of the servers of a remote model can be reached, or all refuse for now."""


class UpstreamLost(EngineDead):
    """A server of a remote model whose answer ended before its end."""


class UpstreamTimeout(BackendError):
    """A server of a remote model that did not answer in time."""


class UpstreamRefused(BackendError):
    """A server of a remote model that refuses the configured key, or answers in another form."""
