"""Vectors over `/v1/embeddings` are those of the weights in transformers.

The model is a chat model that vLLM pools (the last token's last state, at length 1), told to be
one that may be cut.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import openai
import pytest

from tests.client.stock import KINDS, answered, connect
from tests.live import KEY, MODELS, LiveServer, serving, skip_without_vllm

MODEL = "text-embedding-3-small"
WITHIN = 1e-4
TEXTS = [
    *(f"What is {a} plus {b}?" for a in range(5) for b in range(90, 97)),
    *("horse " * n for n in (1, 7, 50, 400)),
    "Ünïcode: 一, 😀.",
    " ",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve the chat model's vectors through vLLM."""
    skip_without_vllm()
    config = tmp_path_factory.mktemp("embeddings") / "shim.toml"
    config.write_text(
        f'[server]\napi_keys = ["{KEY}"]\n'
        f'[[models]]\nid = "{MODEL}"\nbackend = "vllm"\nsource = "{MODELS / "chat-hf"}"\n'
        '[models.options]\nrunner = "pooling"\nconvert = "embed"\ndtype = "float32"\n'
        "enforce_eager = true\nmax_num_seqs = 16\nkv_cache_memory_bytes = 268435456\n"
        "hf_overrides = { matryoshka_dimensions = [16, 64] }\n"
    )
    with serving("--config", str(config)) as live:
        yield live


@pytest.fixture(scope="module", params=KINDS)
async def client(request: pytest.FixtureRequest, server: LiveServer) -> AsyncIterator[Any]:
    """Connect the stock client, strict, each kind in turn."""
    client = connect(request.param, server)
    yield client
    await answered(client.close())


class Offline:
    """The weights in transformers."""

    def __init__(self) -> None:
        transformers = pytest.importorskip("transformers")
        self._model = transformers.AutoModel.from_pretrained(MODELS / "chat-hf", dtype="float32")
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(MODELS / "chat-hf")
        self._states: dict[str, Any] = {}

    def ids(self, text: str) -> list[int]:
        """Return a text's tokens, special ones added as the tokenizer does."""
        found: list[int] = self._tokenizer(text)["input_ids"]
        return found

    def vector(self, text: str, dimensions: int | None = None) -> Any:
        """Return the last token's last state, cut, at length 1."""
        # Both clients ask for each text, alone and among others.
        if text not in self._states:
            self._states[text] = self._last_state(text)
        cut = self._states[text][:dimensions]
        return cut / np.linalg.norm(cut)

    def _last_state(self, text: str) -> Any:
        import torch  # noqa: PLC0415  not installed everywhere

        with torch.inference_mode():
            states = self._model(torch.tensor([self.ids(text)])).last_hidden_state
        return states[0, -1].double().numpy()


@pytest.fixture(scope="module")
def offline() -> Offline:
    """Load the weights."""
    return Offline()


async def embed(client: Any, given: Any, **options: Any) -> Any:
    """Ask for vectors, as numbers unless told otherwise: the strict client knows no base64."""
    wanted = {"encoding_format": "float", **options}
    return await answered(client.embeddings.create(model=MODEL, input=given, **wanted))


@pytest.mark.parametrize("form", ["texts", "ids"])
@pytest.mark.parametrize("batch", [1, 3, len(TEXTS)])
async def test_vectors(client: Any, offline: Offline, form: str, batch: int) -> None:
    """Texts and token ids, alone and many at once, are what the weights say, and are counted."""
    sent: list[Any] = TEXTS if form == "texts" else [offline.ids(text) for text in TEXTS]

    answers = [await embed(client, sent[at : at + batch]) for at in range(0, len(sent), batch)]

    vectors = [item.embedding for answer in answers for item in answer.data]
    assert vectors == [pytest.approx(offline.vector(text), abs=WITHIN) for text in TEXTS]
    tokens = sum(len(offline.ids(text)) for text in TEXTS)
    assert sum(answer.usage.prompt_tokens for answer in answers) == tokens


@pytest.mark.parametrize("kind", KINDS)
async def test_base64_is_float(server: LiveServer, client: Any, kind: str) -> None:
    """What the stock client asks for and decodes by default are the very same numbers."""
    stock = KINDS[kind](base_url=server.base_url, api_key=KEY, max_retries=0)

    packed = [await answered(stock.embeddings.create(model=MODEL, input=t)) for t in TEXTS[:9]]

    await answered(stock.close())
    plain = [await embed(client, text) for text in TEXTS[:9]]
    assert [one.data[0].embedding for one in packed] == [one.data[0].embedding for one in plain]


@pytest.mark.parametrize("dimensions", [16, 64])
async def test_cut_vectors(client: Any, offline: Offline, dimensions: int) -> None:
    """A model that may be cut is, and the rest has length 1 again."""
    found = await embed(client, TEXTS[:5], dimensions=dimensions)

    for item, text in zip(found.data, TEXTS, strict=False):
        assert item.embedding == pytest.approx(offline.vector(text, dimensions), abs=WITHIN)


async def test_cut_elsewhere(client: Any) -> None:
    """Where it may not be cut is refused by name, in vLLM's words."""
    with pytest.raises(openai.BadRequestError, match="only supports Matryoshka dim") as refusal:
        await embed(client, "a", dimensions=17)

    assert refusal.value.param == "dimensions"


async def test_too_long(client: Any) -> None:
    """A text beyond the context is refused, unless it is to be cut."""
    long = "one " * 3000
    with pytest.raises(openai.BadRequestError, match="maximum context length") as refusal:
        await embed(client, ["a", long])

    assert (refusal.value.code, refusal.value.param) == ("context_length_exceeded", "input")
    cut = await embed(client, long, extra_body={"truncate_prompt_tokens": -1})
    assert cut.usage.prompt_tokens == 2048


async def test_it_is_no_chat_model(client: Any) -> None:
    """Its weights could write, but vLLM opened them to read; how much is listed."""
    with pytest.raises(openai.NotFoundError, match="does not serve chat completions"):
        await answered(client.completions.create(model=MODEL, prompt="a"))

    assert (await answered(client.models.retrieve(MODEL))).to_dict()["max_model_len"] == 2048
