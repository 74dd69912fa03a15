"""Options of other engines: refused, except the one that text engines always obey."""

from collections.abc import Iterator

import pytest

from backends.base import Generation, Sampling
from backends.conversation import Conversation, Message
from backends.failures import UnsupportedOption
from backends.text.text_only import refuse_beyond_text, refuse_prompt_beyond_text


class Unread(str):
    """A text that fails if it is read letter by letter."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        raise AssertionError


def generation(**extras: object) -> Generation:
    """Return a request with these options of another engine."""
    return Generation(prompt="a", sampling=Sampling(), engine_options=extras)


def test_what_is_done_anyway() -> None:
    """These engines always skip special tokens, so the option is accepted."""
    refuse_beyond_text(generation(skip_special_tokens=True), engine="mine")


@pytest.mark.parametrize("extras", [{"skip_special_tokens": False}, {"min_tokens": 1}], ids=str)
def test_what_is_not(extras: dict[str, object]) -> None:
    """The refusal names the option and the engine."""
    with pytest.raises(UnsupportedOption, match="mine") as refusal:
        refuse_beyond_text(generation(**extras), engine="mine")

    assert refusal.value.option == next(iter(extras))


def test_texts_are_not_read() -> None:
    """The check takes as long for a message of millions of letters as for a short one."""
    conversation = Conversation((Message(role="user", content=Unread("a")),))

    refuse_prompt_beyond_text(conversation, engine="mine")
