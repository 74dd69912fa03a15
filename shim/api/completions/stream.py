"""Engine values → the events of a streamed text completion."""

from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import UNSET

from backends.base import Finish, PromptEcho, TextDelta
from shim.api.generation.heading import Heading

from .answer import ChoiceText, Item, choices_of, event, or_unset, usage
from .protocol import Choice, TextCompletion


async def events(
    heading: Heading, items: AsyncGenerator[Item, None], *, n: int, include_usage: bool
) -> AsyncGenerator[TextCompletion, None]:
    """Turn *items* into events, a piece of one choice each; then the usage, if asked for."""
    unknown = None if include_usage else UNSET
    texts: defaultdict[int, ChoiceText] = defaultdict(ChoiceText)
    finishes: dict[int, Finish] = {}
    async with aclosing(items):
        async for at, item in items:
            for index in choices_of(item, at, n):
                text = texts[index]
                match item:
                    case Finish():
                        finishes[index] = item
                        yield event(heading, [_end(item, index)], unknown)
                    case PromptEcho() | TextDelta():
                        yield event(heading, [text.piece(item, index)], unknown)
                    case _:
                        text.add(item)
    if include_usage:
        yield event(heading, [], usage(finishes, n))


def _end(finish: Finish, index: int) -> Choice:
    reason = or_unset(finish.stop_reason)
    return Choice(text="", index=index, finish_reason=finish.reason, stop_reason=reason)
