"""Renders conversations with a model's chat template, and translates texts to tokens and back."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Encoding, Tokenizer

from backends.conversation import Conversation, Message, parts
from backends.failures import InvalidOption

_BEYOND = "There are token ids beyond the vocabulary."


class ChatTemplate:
    """Renders what transformers' `apply_chat_template` renders, without transformers or torch."""

    def __init__(self, directory: Path) -> None:
        """Read `tokenizer.json`, `tokenizer_config.json`, `config.json`, `chat_template.jinja`.

        The last is optional: the template may be in `tokenizer_config.json`. Raises what
        `Tokenizer.from_file` raises, FileNotFoundError for another file that is missing, and
        ValueError if neither file holds a template.
        """
        self.tokenizer: Tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._names = {number: token for token, number in self.tokenizer.get_vocab().items()}
        config = json.loads((directory / "tokenizer_config.json").read_text())
        self.model_max_length: int = int(config.get("model_max_length") or 0)
        """Tokens of the context as the tokenizer states it; 0 if it does not."""
        self._specials = {
            name: token["content"] if isinstance(token, dict) else token
            for name, token in config.items()
            if name.endswith("_token") and token is not None
        }
        # CTranslate2 stops at the tokens that its own `config.json` names.
        end = json.loads((directory / "config.json").read_text())["eos_token"]
        self.end_tokens = frozenset([end] if isinstance(end, str) else end)
        source = _source(directory, config)
        self._template = _environment().from_string(source)
        self.info = {"pad_token": None, **config, **self._specials, "chat_template": source}
        """`tokenizer_config.json`, with special tokens as texts and the template of either file."""

    def encode(self, text: str, *, add_special_tokens: bool) -> Encoding:
        """Return the tokens of *text* without their offsets; other threads run meanwhile."""
        # `encode` takes twice as long, as it finds offsets too, and does not release Python's lock.
        (encoding,) = self.tokenizer.encode_batch_fast(
            [text], add_special_tokens=add_special_tokens
        )
        return encoding

    def count(self, text: str) -> int:
        """Return the number of tokens of *text*; no special tokens are added to it."""
        return len(self.encode(text, add_special_tokens=False))

    def decode(self, tokens: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each sequence of token ids in *tokens*; other threads run meanwhile.

        Raises InvalidOption for ids that the vocabulary does not have.
        """
        # Other threads can run during this loop; during one operation of sets they could not.
        if any(number not in self._names for ids in tokens for number in ids):
            raise InvalidOption(_BEYOND, option="tokens")
        texts: list[str] = self.tokenizer.decode_batch(tokens, skip_special_tokens=False)
        return texts

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the tokens of *ids*, as the vocabulary writes them.

        Raises InvalidOption for an unknown id.
        """
        try:
            return [self._names[number] for number in ids]
        except KeyError as error:
            raise InvalidOption(_BEYOND, option="prompt") from error

    def ids(self, tokens: list[str]) -> list[int]:
        """Return the ids of *tokens*, written as in the vocabulary; unknown ones are left out."""
        return [
            number for token in tokens if (number := self.tokenizer.token_to_id(token)) is not None
        ]

    def render(self, conversation: Conversation) -> str:
        """Return the text that the template makes of *conversation*; media and tools are ignored.

        Tokenize it without `add_special_tokens`: the template writes special tokens itself, and a
        second BOS token would cost accuracy. Raises InvalidOption if the template raises an error.
        """
        variables = {
            **self._specials,
            **conversation.template_kwargs,
            "messages": [_turn(message) for message in conversation.messages],
            "add_generation_prompt": conversation.add_generation_prompt,
            "tools": None,
        }
        try:
            return self._template.render(variables)
        except TemplateError as error:
            raise InvalidOption(
                f"The chat template refused the messages: {error}", option="messages"
            ) from error


def _environment() -> ImmutableSandboxedEnvironment:
    """Return Jinja with the settings of transformers, which templates are written for."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _GenerationBlock]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now(UTC).strftime(form)
    return environment


class _GenerationBlock(Extension):
    """Renders the inside of `{% generation %}` unchanged: the tag only marks text to train on."""

    tags = {"generation"}  # noqa: RUF012  Jinja reads it from the class

    def parse(self, parser: Parser) -> list[Node]:
        """Return the nodes between the two tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _source(directory: Path, config: dict[str, Any]) -> str:
    file = directory / "chat_template.jinja"
    if file.exists():
        return file.read_text()
    if "chat_template" not in config:
        raise ValueError(f"{directory} does not hold a chat template")
    template = config["chat_template"]
    if isinstance(template, list):  # several, by name
        template = {named["name"]: named["template"] for named in template}["default"]
    return str(template)


def _turn(message: Message) -> dict[str, str]:
    content = "\n".join(part for part in parts(message.content) if isinstance(part, str))
    name = {} if message.name is None else {"name": message.name}
    return {"role": message.role, "content": content, **name}


def _to_json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:  # noqa: FBT001, FBT002
    # Jinja's own filter escapes characters for HTML: no model was trained on that.
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _refuse(message: str) -> None:
    raise TemplateError(message)
