"""What is measured of each request: its times, its tokens and seconds of audio."""

from prometheus_client import CollectorRegistry, Counter, Histogram

_BY_MODEL = ("model",)
_BY_ROUTE = ("model", "route")

_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
_FACTORS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
_SECONDS_PER_TOKEN = (0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 1, 3)


class Times:
    """Histograms of what a request waits for, in seconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.queued = Histogram(
            "shim_queue_seconds",
            "Seconds that a request waited for a slot.",
            _BY_MODEL,
            buckets=_SECONDS,
            registry=registry,
        )
        self.first_token = Histogram(
            "shim_time_to_first_token_seconds",
            "Seconds from joining the queue to the first output of the engine: a piece of text, "
            "or a segment of a transcription. Without chats, completions and responses that are "
            "not streamed: all of their output may come at the end.",
            _BY_ROUTE,
            buckets=_SECONDS,
            registry=registry,
        )
        self.per_token = Histogram(
            "shim_time_per_output_token_seconds",
            "Mean seconds between two tokens of a streamed answer with one choice, from its "
            "first output to its end. A client that reads slowly makes it longer.",
            _BY_ROUTE,
            buckets=_SECONDS_PER_TOKEN,
            registry=registry,
        )
        self.duration = Histogram(
            "shim_request_duration_seconds",
            "Seconds from joining the queue to the end of a request that was answered in full.",
            _BY_ROUTE,
            buckets=_SECONDS,
            registry=registry,
        )


class Amounts:
    """Counters of tokens and of audio, and the time that audio takes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.prompt_tokens = Counter(
            "shim_prompt_tokens",
            "Tokens of the prompts of requests that were answered in full.",
            _BY_ROUTE,
            registry=registry,
        )
        self.completion_tokens = Counter(
            "shim_completion_tokens",
            "Tokens generated for requests that were answered in full.",
            _BY_ROUTE,
            registry=registry,
        )
        self.audio = Counter(
            "shim_audio_seconds",
            "Seconds of audio that were transcribed to their end.",
            _BY_MODEL,
            registry=registry,
        )
        self.real_time_factor = Histogram(
            "shim_real_time_factor",
            "Seconds from the end of decoding to the end of the transcription, per second of "
            "audio: below 1 is faster than real time.",
            _BY_MODEL,
            buckets=_FACTORS,
            registry=registry,
        )
