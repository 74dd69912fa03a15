"""A model directory's chat template and tokenizer: prompts → tokens."""

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
from tokenizers import Tokenizer

from .base import Prompt
from .conversation import Conversation, Message
from .failures import InvalidOption


class ChatTemplate:
    """What transformers' `apply_chat_template` does, without transformers and its torch."""

    def __init__(self, directory: Path) -> None:
        """Read `tokenizer.json`, the two `config`s and, if there, `chat_template.jinja`.

        Raises FileNotFoundError or ValueError if *directory* holds no tokenizer or no template.
        """
        self.tokenizer: Tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._vocabulary = self.tokenizer.get_vocab_size()
        config = json.loads((directory / "tokenizer_config.json").read_text())
        self.model_max_length: int = int(config.get("model_max_length") or 0)
        self._specials = {
            name: token["content"] if isinstance(token, dict) else token
            for name, token in config.items()
            if name.endswith("_token") and token is not None
        }
        # CTranslate2 stops at the tokens that its own configuration names.
        end = json.loads((directory / "config.json").read_text())["eos_token"]
        self.end_tokens = frozenset([end] if isinstance(end, str) else end)
        source = _source(directory, config)
        self._template = _environment().from_string(source)
        self.info = {"pad_token": None, **config, **self._specials, "chat_template": source}
        """What `tokenizer_config.json` says, with the template wherever it stands."""

    def tokens(self, prompt: Prompt) -> list[str]:
        """Return the tokens of *prompt*; raise InvalidOption if it has none, or unknown ones."""
        match prompt:
            case Conversation():
                return self.prompt(prompt)
            case str():
                ids = self.tokenizer.encode(prompt).ids
            case _:
                ids = list(prompt)
        if not ids:
            raise InvalidOption("The prompt holds no token.", option="prompt")
        return self.named(ids, option="prompt")

    def named(self, ids: Sequence[int], *, option: str) -> list[str]:
        """Return the tokens with these *ids*; raise InvalidOption, naming *option*."""
        known = [token for number in ids if (token := self._token(number)) is not None]
        if len(known) < len(ids):
            raise InvalidOption("There are token ids beyond the vocabulary.", option=option)
        return known

    def _token(self, number: int) -> str | None:
        # A number that its 32 bits cannot hold, or below 0, would be an OverflowError.
        return self.tokenizer.id_to_token(number) if 0 <= number < self._vocabulary else None

    def ids(self, tokens: list[str]) -> list[int]:
        """Return the numbers of *tokens*, all of them known."""
        return [
            number for token in tokens if (number := self.tokenizer.token_to_id(token)) is not None
        ]

    def prompt(self, conversation: Conversation) -> list[str]:
        """Return the tokens of *conversation*, of which nothing but text is rendered.

        Raises InvalidOption where the template refuses it.
        """
        variables = {
            **self._specials,
            **conversation.template_kwargs,
            "messages": [_turn(message) for message in conversation.messages],
            "add_generation_prompt": conversation.add_generation_prompt,
            "tools": None,
        }
        try:
            text = self._template.render(variables)
        except TemplateError as error:
            raise InvalidOption(
                f"The chat template refused the messages: {error}", option="messages"
            ) from error
        # The template writes the special tokens itself; a second BOS would cost accuracy.
        tokens: list[str] = self.tokenizer.encode(text, add_special_tokens=False).tokens
        return tokens


def _environment() -> ImmutableSandboxedEnvironment:
    """Set Jinja up as transformers does, since templates are written for that."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _GenerationBlock]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now(UTC).strftime(form)
    return environment


class _GenerationBlock(Extension):
    """`{% generation %}` marks the words to train on; they are rendered as they stand."""

    tags = {"generation"}  # noqa: RUF012  Jinja reads it from the class

    def parse(self, parser: Parser) -> list[Node]:
        """Return what is between the tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _source(directory: Path, config: dict[str, Any]) -> str:
    file = directory / "chat_template.jinja"
    if file.exists():
        return file.read_text()
    if "chat_template" not in config:
        raise ValueError(f"{directory} holds no chat template")
    template = config["chat_template"]
    if isinstance(template, list):  # several, by name
        template = {named["name"]: named["template"] for named in template}["default"]
    return str(template)


def _turn(message: Message) -> dict[str, str]:
    parts = [message.content] if isinstance(message.content, str) else message.content
    content = "\n".join(part for part in parts if isinstance(part, str))
    named = {} if message.name is None else {"name": message.name}
    return {"role": message.role, "content": content, **named}


def _to_json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:  # noqa: FBT001, FBT002
    # Jinja's own filter escapes HTML, which no model was trained on.
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _refuse(message: str) -> None:
    raise TemplateError(message)
