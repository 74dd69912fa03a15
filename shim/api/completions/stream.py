"""Makes the events of a streamed text completion from the engine's items."""

from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import UNSET

from backends.base import Finish, PromptEcho, TextDelta
from shim.api.generation.heading import Heading
from shim.api.generation.usage import usage

from .answer import ChoiceText, PromptItem, choices_of, event, or_unset
from .protocol import Choice, TextCompletion


async def events(
    heading: Heading, items: AsyncGenerator[PromptItem, None], *, n: int, include_usage: bool
) -> AsyncGenerator[TextCompletion, None]:
    """Yield an event for each part of each choice; then the usage, if *include_usage*.

    Raises Unfinished if *items* end without a `Finish`. Closing this generator closes *items*.
    """
    no_usage = None if include_usage else UNSET
    texts: defaultdict[int, ChoiceText] = defaultdict(ChoiceText)
    finishes: dict[int, Finish] = {}
    async with aclosing(items):
        async for prompt, item in items:
            for index in choices_of(item, prompt, n):
                text = texts[index]
                match item:
                    case Finish():
                        finishes[index] = item
                        yield event(heading, [_end(item, index)], no_usage)
                    case PromptEcho() | TextDelta():
                        yield event(heading, [text.next_part(item, index)], no_usage)
                    case _:
                        text.add(item)
    total = usage(finishes.values())
    if include_usage:
        yield event(heading, [], total)


def _end(finish: Finish, index: int) -> Choice:
    reason = or_unset(finish.stop_reason)
    return Choice(text="", index=index, finish_reason=finish.reason, stop_reason=reason)
