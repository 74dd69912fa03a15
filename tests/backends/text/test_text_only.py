"""What engines that only continue text refuse, and what they do anyway."""

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


def asked(**extras: object) -> Generation:
    """Return a request with those options of another engine's."""
    return Generation(prompt="a", sampling=Sampling(), extras=extras)


def test_what_is_done_anyway() -> None:
    """To skip special tokens is no request for anything."""
    refuse_beyond_text(asked(skip_special_tokens=True), engine="mine")


@pytest.mark.parametrize("extras", [{"skip_special_tokens": False}, {"min_tokens": 1}], ids=str)
def test_what_is_not(extras: dict[str, object]) -> None:
    """The refusal names the option and the engine."""
    with pytest.raises(UnsupportedOption, match="mine") as refusal:
        refuse_beyond_text(asked(**extras), engine="mine")

    assert refusal.value.option == next(iter(extras))


def test_texts_are_not_read() -> None:
    """The check takes as long for a message of millions of letters as for a short one."""
    conversation = Conversation((Message(role="user", content=Unread("a")),))

    refuse_prompt_beyond_text(conversation, engine="mine")
