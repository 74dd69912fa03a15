"""What can fail behind the seam, by meaning: no number of HTTP's, no name of an engine's."""


class BackendError(Exception):
    """Anything that an engine raises by meaning; the wire gives it a number."""


class InvalidRequest(BackendError):
    """The request can never be answered as it stands."""

    def __init__(self, message: str, *, option: str | None = None) -> None:
        super().__init__(message)
        self.option = option
        """The field of Sampling, Generation or Job that is at fault, where it is one."""


class InvalidOption(InvalidRequest):
    """A value that this engine refuses."""


class UnsupportedOption(InvalidRequest):
    """An option that this engine has not, and that would have changed the answer."""


class PromptTooLong(InvalidRequest):
    """Prompt and requested completion exceed the model's context."""

    @classmethod
    def by(cls, *, prompt: int, completion: int, context: int) -> "PromptTooLong":
        """Word it as OpenAI does: harnesses look for "maximum context length". All in tokens."""
        return cls(
            f"This model's maximum context length is {context} tokens. However, you requested "
            f"{prompt + completion} tokens ({prompt} in the messages, {completion} in the "
            "completion). Please reduce the length of the messages or completion.",
            option="messages" if prompt >= context else "max_tokens",
        )

    @classmethod
    def uncounted(cls, *, context: int) -> "PromptTooLong":
        """Word it likewise for a prompt that was not counted to its end; *context* in tokens."""
        return cls(
            f"This model's maximum context length is {context} tokens. However, your messages "
            f"have more than {context} tokens. Please reduce the length of the messages.",
            option="messages",
        )


class UnknownLanguage(InvalidRequest):
    """The model was not trained on that language."""


class UndecodableAudio(InvalidRequest):
    """The bytes are no audio, or none that can be decoded whole."""


class NoAudio(UndecodableAudio):
    """A file that holds other things, but no audio stream."""


class EmptyAudio(UndecodableAudio):
    """No bytes, or an audio stream without a sample."""


class TruncatedAudio(UndecodableAudio):
    """Less audio than its container states."""


class AudioTooLong(InvalidRequest):
    """More audio than this server is set to take, in seconds."""


class AudioTooLarge(AudioTooLong):
    """More of it in bytes, once unpacked."""


class AudioTooCostly(AudioTooLong):
    """More of it in the time that decoding takes."""


class EngineDead(BackendError):
    """The engine is gone; the same request may succeed later."""
