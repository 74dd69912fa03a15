"""Renders a question with a model's chat template, as transformers does, but without it."""

import json
from pathlib import Path
from typing import Any

from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evals.verify.verdict import NotChecked


def rendered(folder: Path, question: str) -> str:
    """Return the prompt for *question*. Raises NotChecked if *folder* has no template."""
    config = json.loads((folder / "tokenizer_config.json").read_text())
    file = folder / "chat_template.jinja"
    source = file.read_text() if file.exists() else config.get("chat_template")
    if not isinstance(source, str):
        raise NotChecked(f"no chat template in {folder.name}")
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    specials = {
        name: token["content"] if isinstance(token, dict) else token
        for name, token in config.items()
        if name.endswith("_token") and token is not None
    }
    variables: dict[str, Any] = {
        **specials,
        "messages": [{"role": "user", "content": question}],
        "add_generation_prompt": True,
        "tools": None,
    }
    return environment.from_string(source).render(variables)
