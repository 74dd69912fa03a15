"""`python -m tools.harnesses [RECIPE …]`: harnesses, unchanged, against a server of its own.

Prints one table: what ran, its score, and the score of the same weights without a server. Exits 1
if a program failed or if a score, a text or a log probability differs.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.bench.server import serving
from tools.harnesses.models import TOY_VISION, Model, has_vllm, pulled, toys
from tools.harnesses.recipes import KINDS, Recipe, RecipeFailed, ask, compute, install, recipes
from tools.harnesses.table import Line, lines, show
from tools.harnesses.vision import make

KEY = "sk-harnesses"


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="make harnesses ARGS=…", description=__doc__)
    parser.add_argument("recipes", nargs="*", help="names of evals/recipes; by default all")
    parser.add_argument("--models", nargs="+", help="only these; by default all that are here")
    parser.add_argument("--install", action="store_true", help="make the environments only")
    given = parser.parse_args()
    try:
        chosen = recipes(given.recipes)
    except RecipeFailed as error:
        parser.error(str(error))
    if given.install:
        for recipe in chosen:
            install(recipe)
        return 0
    with tempfile.TemporaryDirectory() as name:
        found = list(_run(chosen, _models(given.models), Path(name)))
    show(found)
    return int(any(line.is_wrong for line in found) or not found)


def _models(names: list[str] | None) -> list[Model]:
    if not (vllm := has_vllm()):
        print("vLLM IS NOT INSTALLED: NOTHING IS RUN AGAINST IT", file=sys.stderr)
    models = [*toys(vllm=vllm), *pulled()]
    return [model for model in models if names is None or model.id in names]


def _run(chosen: list[Recipe], models: list[Model], folder: Path) -> Iterator[Line]:
    """Serve those of *models* that a recipe uses; yield what each program found."""
    runs = [
        (recipe, kind, model)
        for recipe in chosen
        for kind in KINDS
        if recipe.program(kind)
        for model in models
        if kind in model.kinds
    ]
    used = {model.id: model for _, _, model in runs}
    if "toy-vision" in used:
        make(TOY_VISION)
    config = folder / "shim.toml"
    tables = "".join(model.toml() for model in used.values())
    batches = f'[batches]\ndirectory = "{folder / "batches"}"\n'
    config.write_text(f'[server]\napi_keys = ["{KEY}"]\n{batches}{tables}')
    with serving(config) as server:
        for recipe, kind, model in runs:
            print(f"{recipe.name}, {kind}, {model.id} …", file=sys.stderr, flush=True)
            yield from _lines(recipe, kind, model, folder, f"{server.url}/v1")


def _lines(recipe: Recipe, kind: str, model: Model, folder: Path, base_url: str) -> list[Line]:
    out = folder / recipe.name / f"{kind}-{model.id}"
    try:
        install(recipe)
        served = ask(recipe, kind, out / "served.json", base_url=base_url, model=model.id, key=KEY)
        computed = compute(recipe, kind, out / "computed.json", weights=model.weights)
    except RecipeFailed as error:
        return [Line(recipe.name, model.id, kind, wrong=str(error))]
    return lines(recipe.name, model.id, served, computed)


if __name__ == "__main__":
    sys.exit(main())
