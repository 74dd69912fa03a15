"""Recipes: what `evals/recipes/` has, an environment for each, and a run of its programs.

A recipe is a folder. `chat.py` is run against each chat model that is served, `vllm.py` against
each that vLLM computes, `speech.py` against each speech model:

    chat.py BASE_URL MODEL OUT          the key is in OPENAI_API_KEY; BASE_URL ends with /v1
    chat_in_process.py WEIGHTS OUT      the same, without a server, on a directory of weights

Both write what `tools.harnesses.scores.Scores` reads to the file OUT. A program may end in `.cjs`
instead: it is run by Node, with the packages of `package-lock.json`.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.harnesses.models import ROOT
from tools.harnesses.scores import Scores, read

RECIPES = ROOT / "evals" / "recipes"
ENVIRONMENTS = ROOT / "build" / "recipes"
UV = Path(sys.executable).with_name("uv")
KINDS = ("chat", "vllm", "speech", "vision")
SECONDS = 1800.0
"""Longest time of one program."""
TAIL = 2000
"""Characters of a failed program's output that are shown."""


class RecipeFailed(Exception):
    """An environment that could not be made, or a program that failed; the message is its end."""


@dataclass(frozen=True)
class Recipe:
    """A folder of `evals/recipes/`."""

    folder: Path

    @property
    def name(self) -> str:
        """As in `make harnesses ARGS=NAME`."""
        return self.folder.name

    @property
    def environment(self) -> Path:
        """Where its packages are installed."""
        return ENVIRONMENTS / self.name

    def program(self, kind: str) -> Path | None:
        """Return the program for models of *kind*, or None."""
        files = (self.folder / f"{kind}{ending}" for ending in (".py", ".cjs"))
        return next((file for file in files if file.exists()), None)


def recipes(names: Sequence[str] = ()) -> list[Recipe]:
    """Return the recipes *names*, or all, by name. Raises RecipeFailed for an unknown name.

    `lm-eval` and `lm_eval` are the same.
    """
    found = {file.parent.name: Recipe(file.parent) for file in RECIPES.glob("*/README.md")}
    wanted = [name.replace("-", "_") for name in names]
    if unknown := [name for name in wanted if name not in found]:
        raise RecipeFailed(f"not a recipe: {', '.join(unknown)}; there are {sorted(found)}")
    return [found[name] for name in wanted or sorted(found)]


def install(recipe: Recipe) -> None:
    """Make the environment of *recipe* unless it is there. Raises RecipeFailed.

    It is made anew when the pinned list has changed.
    """
    node = recipe.folder / "package-lock.json"
    pins = node if node.exists() else recipe.folder / "requirements.txt"
    installed = recipe.environment / "installed"
    if installed.exists() and installed.read_bytes() == pins.read_bytes():
        return
    shutil.rmtree(recipe.environment, ignore_errors=True)
    recipe.environment.mkdir(parents=True)
    if node.exists():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(recipe.folder / name, recipe.environment)
        quiet = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional")
        _run(["npm", "ci", *quiet, "--prefix", str(recipe.environment)], ROOT, os.environ)
    else:
        python = recipe.environment / "bin" / "python"
        _uv("venv", "--python", sys.executable, recipe.environment)
        # The list is complete, but for torch: a computation in process takes that of `.venv`.
        _uv("pip", "install", "--python", python, "--no-deps", "--require-hashes", "-r", pins)
        if "torch" in (recipe.folder / "requirements.in").read_text().splitlines():
            _append_venv(recipe)
    shutil.copy(pins, installed)


def _append_venv(recipe: Recipe) -> None:
    """Let *recipe* find in `.venv` what its own environment does not have: torch."""
    (packages,) = recipe.environment.glob("lib/python*/site-packages")
    # Python searches the places of such a file after the environment's own.
    (packages / "venv.pth").write_text(f"{sysconfig.get_path('purelib')}\n")


def ask(recipe: Recipe, kind: str, out: Path, *, base_url: str, model: str, key: str) -> Scores:
    """Run the program for *kind* against a server; return its scores. Raises RecipeFailed."""
    program = recipe.program(kind)
    assert program is not None, f"{recipe.name} has no program for {kind}"  # noqa: S101
    if program.suffix == ".py":
        command = [str(recipe.environment / "bin" / "python"), str(program)]
    else:
        command = ["node", str(program)]
    modules = {"NODE_PATH": str(recipe.environment / "node_modules")}
    environment = {**_clean(), **modules, "OPENAI_API_KEY": key}
    return _scores([*command, base_url, model], out, environment)


def compute(recipe: Recipe, kind: str, out: Path, *, weights: Path) -> Scores | None:
    """Run the program for *kind* in process; return its scores, or None if there is none.

    It imports from `.venv` before its own environment, so that both have one torch. Raises
    RecipeFailed.
    """
    program = recipe.folder / f"{kind}_in_process.py"
    if not program.exists():
        return None
    own = recipe.environment / "bin" / "python"
    python = own if own.exists() else Path(sys.executable)
    places = f"{sysconfig.get_path('purelib')}{os.pathsep}{ROOT}"
    environment = {**_clean(), "PYTHONPATH": places}
    return _scores([str(python), str(program), str(weights)], out, environment)


def _clean() -> dict[str, str]:
    """Return this process's environment without what would lead a harness elsewhere."""
    prefixes = ("OPENAI_", "SHIM_", "PYTHONPATH")
    kept = {name: of for name, of in os.environ.items() if not name.startswith(prefixes)}
    # A task is local: a harness that tries to download something fails at once.
    return {**kept, "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}


def _scores(command: list[str], out: Path, environment: dict[str, str]) -> Scores:
    """Run *command* in a new folder beside the file *out*, and read that file."""
    folder = out.with_suffix("")
    folder.mkdir(parents=True)
    # Nothing is found in caches of earlier runs.
    caches = {"HF_HOME": str(folder / "hf"), "XDG_DATA_HOME": str(folder / "data")}
    _run([*command, str(out)], folder, environment | caches)
    return read(out)


def _uv(*arguments: str | Path) -> None:
    _run([str(UV), *(str(one) for one in arguments)], ROOT, os.environ)


def _run(command: list[str], folder: Path, environment: os._Environ[str] | dict[str, str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RecipeFailed(str(error)) from error
    if done.returncode:
        raise RecipeFailed(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-TAIL:]}")
