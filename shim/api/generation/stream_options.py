"""Reads and checks `stream_options`, for chats and text completions."""

from shim.errors import InvalidParameter

from .protocol import StreamOptions


def includes_usage(options: StreamOptions | None) -> bool:
    """Return True if the stream is to end with an event that holds the usage."""
    return options is not None and bool(options.include_usage)


def refuse_usage_without_stream(options: StreamOptions | None, *, stream: bool | None) -> None:
    """Raise InvalidParameter if *options* include the usage but the answer is not a *stream*."""
    if includes_usage(options) and not stream:
        raise InvalidParameter("`stream_options` needs `stream: true`.", param="stream_options")
