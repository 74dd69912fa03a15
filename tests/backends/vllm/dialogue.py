"""Asking a chat backend, and reading what it answers."""

from typing import Any

from backends.base import ChatBackend, Finish, Generation, Sampling, TextDelta, TokenLogprob
from backends.conversation import Conversation, Message

Items = list[TextDelta | Finish]

END_OF_TEXT = 2
"""The token that ends an answer of the tests' chat model."""
WITHOUT_END = {END_OF_TEXT: -100.0}


def generation(question: str = "What is 3 plus 4?", **sampling: Any) -> Generation:
    """Return one question; every sampling value that is not given is the model's own."""
    return Generation(
        prompt=Conversation((Message(role="user", content=question),)),
        sampling=Sampling(**sampling),
    )


def endless(**sampling: Any) -> Generation:
    """Return a request that goes on for as long as the context holds."""
    return generation(logit_bias=WITHOUT_END, max_tokens=1900, **sampling)


async def ask(backend: ChatBackend, question: str, **sampling: Any) -> Items:
    """Return all that *backend* answers."""
    return [item async for item in backend.generate(generation(question, **sampling))]


def text(items: Items, index: int = 0) -> str:
    """Return the whole text of choice *index*."""
    return "".join(i.text for i in items if isinstance(i, TextDelta) and i.index == index)


def finish(items: Items, index: int = 0) -> Finish:
    """Return the end of choice *index*."""
    (end,) = (item for item in items if isinstance(item, Finish) and item.index == index)
    return end


def logprobs(items: Items) -> list[TokenLogprob]:
    """Return the log probabilities of choice 0, token by token."""
    return [token for item in items if isinstance(item, TextDelta) for token in item.logprobs]
