"""An answer of the server: its bytes, read as JSON of a declared shape or by the stock client."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import openai

from evals.verify.verdict import Breach, NotChecked

T = TypeVar("T")

OK = 200
NOT_IMPLEMENTED = 501


class _Error(msgspec.Struct):
    message: str


class _Refusal(msgspec.Struct):
    error: _Error


@dataclass(frozen=True)
class Reply:
    """The answer to *request*, a line that describes it. *parse* is the stock client's, strict."""

    request: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    parse: Callable[[], Any]

    @property
    def media_type(self) -> str:
        """The content type without its parameters, such as `text/plain`."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def ok(self) -> bool:
        """Whether it is an answer."""
        return self.status == OK

    @property
    def refused(self) -> bool:
        """Whether the server says that it does not answer such requests: 4xx, or 501."""
        return 400 <= self.status < 500 or self.status == NOT_IMPLEMENTED  # noqa: PLR2004 - HTTP's

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode(errors="replace")

    @property
    def reason(self) -> str:
        """The status and the message of a refusal, on one line."""
        try:
            message = msgspec.json.decode(self.content, type=_Refusal).error.message
        except msgspec.DecodeError:
            message = self.text
        return f"{self.status}: {' '.join(message.split())[:200]}"

    def body(self) -> bytes:
        """Return the body of an answer. Raises NotChecked for a refusal, Breach for a failure."""
        if self.ok:
            return self.content
        if self.refused:
            raise NotChecked(f"refused with {self.reason}")
        raise Breach(self.request, expected="an answer", got=self.reason)

    def read(self, shape: type[T]) -> T:
        """Return the answer as *shape*. Raises NotChecked, and Breach also for another shape."""
        return decoded(self.body(), shape, request=self.request)

    def parsed(self) -> Any:
        """Return what the stock client makes of the answer. Raises NotChecked and Breach."""
        self.body()
        try:
            return self.parse()
        except (openai.APIResponseValidationError, ValueError) as error:
            expected = "an answer that the stock client accepts in strict mode"
            raise Breach(self.request, expected=expected, got=str(error)) from error


def decoded(content: bytes | str, shape: type[T], *, request: str) -> T:
    """Return the JSON text *content* as *shape*. Raises Breach."""
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.DecodeError as error:
        got = content if isinstance(content, str) else content.decode(errors="replace")
        expected = f"OpenAI's JSON ({shape.__name__}): {error}"
        raise Breach(request, expected=expected, got=got) from error
