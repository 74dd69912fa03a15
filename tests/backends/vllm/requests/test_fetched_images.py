"""A fetched image in vLLM's own renderer, without its engine."""

import io
from base64 import b64encode
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from backends.base import Generation, Sampling
from backends.conversation import Conversation, Media, Message
from backends.vllm.options import ServerOptions
from tests import idefics

pytestmark = [pytest.mark.usefixtures("requires_vllm"), pytest.mark.slow]


def builder(folder: Path) -> Any:
    """Return a RequestBuilder for a model that sees, and fetches from this machine."""
    arguments = import_module("vllm.engine.arg_utils").AsyncEngineArgs(
        model=str(idefics.make(folder)),
        dtype="float32",
        max_model_len=1024,
        allowed_media_domains=["127.0.0.1"],
    )
    config = arguments.create_engine_config()
    renderer = import_module("vllm.renderers").renderer_from_config(config)
    verifier = import_module("backends.vllm.requests.verification").ConstraintVerifier(
        config, renderer.tokenizer, enforces_all=True, max_spaces=1
    )
    return import_module("backends.vllm.requests.build").RequestBuilder(
        config,
        renderer,
        ServerOptions(),
        import_module("backends.vllm.tokenizer").Tokenizer(config.model_config),
        verifier,
        shorten=False,
        reasoning_parser="",
    )


async def test_a_fetched_image(tmp_path: Path) -> None:
    """An image at a URL becomes the same prompt as the image itself."""
    file = io.BytesIO()
    import_module("PIL.Image").new("RGB", (64, 64), "red").save(file, "PNG")
    image = file.getvalue()

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=image, content_type="image/png")

    app = web.Application()
    app.router.add_get("/a.png", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    encoded = b64encode(image).decode()
    requests = builder(tmp_path)

    fetched, given = [
        (
            await requests.render(
                Generation(
                    prompt=Conversation(
                        (Message(role="user", content=("What?", Media("image", url))),)
                    ),
                    sampling=Sampling(max_tokens=1),
                )
            )
        ).prompt
        for url in (
            f"http://127.0.0.1:{runner.addresses[0][1]}/a.png",
            f"data:image/png;base64,{encoded}",
        )
    ]
    await runner.cleanup()

    assert fetched["prompt_token_ids"] == given["prompt_token_ids"]
    assert fetched["mm_hashes"] == given["mm_hashes"]
