"""Turns prompts into tokens and tokens into text, in threads, for a CTranslate2 model."""

from functools import partial

from tokenizers import Encoding

from backends.base import Prompt
from backends.conversation import Conversation
from backends.failures import InvalidOption
from backends.text.chat_template import ChatTemplate
from backends.text.length import characters, refuse_if_exceeds, refuse_to_render
from backends.text.threads import TextThreads

from .sampling import token_limit

_PER_MESSAGE = 16
"""Characters that take as long to render as an empty message."""
_VARIABLES = 1 << 20
"""Characters that the variables of a template count as, because their size is not known."""


class Prompts:
    """Reads the prompts of one model, whose context holds *max_model_len* tokens."""

    def __init__(
        self,
        template: ChatTemplate,
        *,
        reading: TextThreads,
        tokenizing: TextThreads,
        max_model_len: int,
        shorten: bool = False,
    ) -> None:
        """Use the threads *reading* for `read`, and *tokenizing* for the other methods.

        The others get texts that may be far longer than the context. *shorten*: whether a
        completion that does not fit the context with its prompt is shortened, instead of refused.
        """
        self._template = template
        self._reading = reading
        self._tokenizing = tokenizing
        self._max_model_len = max_model_len
        self._shorten = shorten

    async def read(self, prompt: Prompt, *, max_tokens: int | None) -> tuple[list[str], int]:
        """Return the tokens of *prompt*, and the most tokens that may be generated.

        The number is at most *max_tokens*; None: the rest of the context. Raises InvalidOption, and
        PromptTooLong, before it tokenizes a text that is far too long.
        """
        read = partial(self._read, prompt, max_tokens)
        tokens, limit = await self._reading.run(read, size=_size(prompt))
        if not tokens:
            raise InvalidOption("The prompt has no tokens.", option="prompt")
        return tokens, limit

    async def tokenize(self, prompt: Prompt, *, add_special_tokens: bool) -> list[int]:
        """Return the token ids of *prompt*, which may be longer than the context.

        *add_special_tokens* only applies to a text. Raises InvalidOption.
        """
        if isinstance(prompt, tuple):
            return list(prompt)
        ids = partial(self._ids, prompt, add_special_tokens=add_special_tokens)
        return await self._tokenizing.run(ids, size=_size(prompt))

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        """Return the text of the token ids *tokens*; raise InvalidOption for an unknown one."""
        decode = partial(self._template.decode, [tokens])
        (text,) = await self._tokenizing.run(decode, size=len(tokens))
        return text

    async def token_texts(self, tokens: tuple[int, ...]) -> list[str]:
        """Return the text of each of *tokens*; raise InvalidOption for an unknown one."""
        return await self._tokenizing.run(partial(self._token_texts, tokens), size=len(tokens))

    def _read(self, prompt: Prompt, max_tokens: int | None) -> tuple[list[str], int]:
        ids = prompt if isinstance(prompt, tuple) else self._fitting(prompt)
        # Checked before a string is made of each token.
        limit = token_limit(
            prompt=len(ids),
            max_tokens=max_tokens,
            context=self._max_model_len,
            shorten=self._shorten,
        )
        return self._template.tokens(ids if isinstance(ids, tuple) else ids.ids), limit

    def _fitting(self, prompt: Conversation | str) -> Encoding:
        """Return the tokens of *prompt*; raise PromptTooLong if it is far too long."""
        context = self._max_model_len
        if isinstance(prompt, Conversation):
            refuse_to_render(prompt, max_tokens=context)
            text, special = self._template.render(prompt), False
        else:
            text, special = prompt, True
        refuse_if_exceeds(text, self._template.count, max_tokens=context)
        return self._template.encode(text, add_special_tokens=special)

    def _ids(self, prompt: Conversation | str, *, add_special_tokens: bool) -> list[int]:
        if isinstance(prompt, Conversation):
            prompt, add_special_tokens = self._template.render(prompt), False
        ids: list[int] = self._template.encode(prompt, add_special_tokens=add_special_tokens).ids
        return ids

    def _token_texts(self, tokens: tuple[int, ...]) -> list[str]:
        distinct = [*{*tokens}]
        texts = self._template.decode([(token,) for token in distinct])
        of_token = dict(zip(distinct, texts, strict=True))
        return [of_token[token] for token in tokens]


def _size(prompt: Prompt) -> int:
    """Return a number of characters or tokens with which the time to read *prompt* grows."""
    if not isinstance(prompt, Conversation):
        return len(prompt)
    variables = _VARIABLES if prompt.template_kwargs else 0
    return characters(prompt) + _PER_MESSAGE * len(prompt.messages) + variables
