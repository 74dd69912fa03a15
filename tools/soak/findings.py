"""How many answers differ from those alone, by the kind of request, and which."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tools.soak.differences import Difference, difference
from tools.soak.mixed import Request

HEAD = "| | answers | differ | other text | other times | worst, s | other numbers | worst |"


@dataclass
class Row:
    """The findings of one kind of request."""

    answers: int = 0
    differ: int = 0
    texts: int = 0
    times: int = 0
    worst_time: float = 0.0
    """In seconds."""
    numbers: int = 0
    worst_number: float = 0.0

    def add(self, found: Difference) -> None:
        """Count one answer."""
        self.answers += 1
        self.differ += bool(found)
        self.texts += found.text
        self.times += found.time > 0
        self.worst_time = max(self.worst_time, found.time)
        self.numbers += found.number > 0
        self.worst_number = max(self.worst_number, found.number)

    def line(self, kind: str) -> str:
        """Return the row as a line of Markdown."""
        return (
            f"| {kind} | {self.answers} | {self.differ} | {self.texts} | {self.times} "
            f"| {self.worst_time:.2f} | {self.numbers} | {self.worst_number:.1e} |"
        )


class Findings:
    """All rows, and a folder of answers that differ."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: defaultdict[str, Row] = defaultdict(Row)

    @property
    def differ(self) -> int:
        """The number of answers that differ."""
        return sum(row.differ for row in self._rows.values())

    def compare(self, number: int, request: Request, alone: bytes, now: bytes) -> None:
        """Count the answer *now* to *request*, the *number*th of the different ones.

        Of answers to the same request the first that differs in its text is kept, the first that
        differs in its times, and the first that differs in other numbers only.
        """
        found = difference(alone, now)
        self._rows[request.kind].add(found)
        if not found:
            return
        worst = "text" if found.text else "time" if found.time else "number"
        file = self._folder / f"{number:03}-{worst}.json"
        if not file.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            pair = {"request": request.fields, "alone": alone.decode(), "now": now.decode()}
            file.write_text(json.dumps(pair, indent=2, ensure_ascii=False))

    def table(self) -> str:
        """Return the rows as a table of Markdown."""
        lines = [row.line(kind) for kind, row in sorted(self._rows.items())]
        return "\n".join([HEAD, "|---|" + "---:|" * 7, *lines])
