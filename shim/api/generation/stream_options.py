"""Checks `stream_options`, for chats and text completions."""

from shim.errors import InvalidParameter

from .protocol import StreamOptions


def refuse_usage_without_stream(options: StreamOptions | None, *, stream: bool | None) -> None:
    """Raise InvalidParameter if *options* ask for the usage of an answer that is not a *stream*."""
    if options is not None and options.include_usage and not stream:
        raise InvalidParameter("`stream_options` needs `stream: true`.", param="stream_options")
