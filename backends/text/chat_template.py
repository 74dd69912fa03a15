"""A model directory's chat template and tokenizer: prompts → tokens, and back."""

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
    """What transformers' `apply_chat_template` does, without transformers and its torch."""

    def __init__(self, directory: Path) -> None:
        """Read `tokenizer.json`, the two `config`s and, if there, `chat_template.jinja`.

        Raises FileNotFoundError or ValueError if *directory* holds no tokenizer or no template.
        """
        self.tokenizer: Tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._names = {number: token for token, number in self.tokenizer.get_vocab().items()}
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

    def encode(self, text: str, *, add_special_tokens: bool) -> Encoding:
        """Return the tokens of *text*, as ids alone; other threads go on meanwhile."""
        # `encode` takes twice as long, since it finds offsets too, and keeps Python's lock.
        (found,) = self.tokenizer.encode_batch_fast([text], add_special_tokens=add_special_tokens)
        return found

    def count(self, text: str) -> int:
        """Return the number of the tokens of *text*, without special ones that it does not hold."""
        return len(self.encode(text, add_special_tokens=False))

    def decode(self, tokens: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each of *tokens*; other threads go on meanwhile.

        Raises InvalidOption for ids beyond the vocabulary.
        """
        # A loop of Python's, unlike one in C, lets other threads go on.
        if any(number not in self._names for ids in tokens for number in ids):
            raise InvalidOption(_BEYOND, option="tokens")
        texts: list[str] = self.tokenizer.decode_batch(tokens, skip_special_tokens=False)
        return texts

    def named(self, ids: Sequence[int]) -> list[str]:
        """Return the tokens with these *ids*; raise InvalidOption if there are unknown ones."""
        try:
            return [self._names[number] for number in ids]
        except KeyError as error:
            raise InvalidOption(_BEYOND, option="prompt") from error

    def ids(self, tokens: list[str]) -> list[int]:
        """Return the numbers of *tokens*, all of them known."""
        return [
            number for token in tokens if (number := self.tokenizer.token_to_id(token)) is not None
        ]

    def render(self, conversation: Conversation) -> str:
        """Return the text of *conversation*, of which nothing but text is rendered.

        It is tokenized without `add_special_tokens`: the template writes special tokens itself, and
        a second BOS would cost accuracy. Raises InvalidOption where the template refuses it.
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
    content = "\n".join(part for part in parts(message.content) if isinstance(part, str))
    named = {} if message.name is None else {"name": message.name}
    return {"role": message.role, "content": content, **named}


def _to_json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:  # noqa: FBT001, FBT002
    # Jinja's own filter escapes HTML, which no model was trained on.
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _refuse(message: str) -> None:
    raise TemplateError(message)
