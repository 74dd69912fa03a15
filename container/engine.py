"""A container engine's command line, docker's or podman's, and one container on it."""
# ruff: noqa: INP001, S603 - found beside the script that imports it; runs the commands it is given

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

CONFINED = [
    *("--read-only", "--tmpfs", "/tmp"),  # noqa: S108 - inside the container
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
]


class Engine:
    """Runs images without any privilege, on a root that is read-only but for /tmp and volumes."""

    def __init__(self, name: str) -> None:
        self._name = name
        # podman would lend a read-only root more writable folders than /tmp.
        self._confined = [*CONFINED, *(["--read-only-tmpfs=false"] if name == "podman" else [])]

    def attempt(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command, whatever comes of it."""
        return subprocess.run([self._name, *words], capture_output=True, text=True, check=False)

    def ask(self, *words: str) -> str:
        """Return what the command prints; exit with its complaint if it fails."""
        done = self.attempt(*words)
        if done.returncode:
            sys.exit(f"{self._name} {' '.join(words)}:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def image(self, name: str) -> dict[str, Any]:
        """Return what the engine knows of an image."""
        found: dict[str, Any] = json.loads(self.ask("image", "inspect", name))[0]
        return found

    def run(self, image: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run *image* to its end and remove the container."""
        return self.attempt("run", "--rm", *self._confined, *options, image)

    @contextmanager
    def running(self, image: str, *options: str, command: Sequence[str] = ()) -> Iterator[str]:
        """Start a container and lend its id; say what it wrote if a check fails; remove it.

        *command* replaces the image's own arguments.
        """
        container = self.ask("run", "--detach", *self._confined, *options, image, *command)
        try:
            yield container
        except BaseException:
            wrote = self.attempt("logs", container)
            sys.stderr.write(wrote.stdout + wrote.stderr)
            raise
        finally:
            self.attempt("rm", "--force", "--volumes", container)
