"""The table of `make harnesses`, and what is wrong below it."""

from dataclasses import dataclass
from itertools import groupby

from rich.console import Console
from rich.table import Table

from tools.harnesses.scores import Scores, difference


@dataclass(frozen=True)
class Line:
    """One task of a recipe against one model."""

    recipe: str
    model: str
    task: str
    samples: int = 0
    score: float | None = None
    computed: float | None = None
    """The score in process; None where the recipe computes none."""
    wrong: str = ""
    """Why the line is red, or ""."""
    not_run: str = ""
    """Why the task was left out, or ""."""

    @property
    def is_wrong(self) -> bool:
        """Return whether a program failed, or a value differs from that in process."""
        return bool(self.wrong)


def lines(recipe: str, model: str, served: Scores, computed: Scores | None) -> list[Line]:
    """Return a line for each task that ran; a task that only one of the two has is wrong."""
    known = {row.task: row for row in computed.rows} if computed else {}
    missing = known.keys() - {row.task for row in served.rows}
    found = [Line(recipe, model, task, wrong="ran in process only") for task in sorted(missing)]
    for row in served.rows:
        if row.not_run:
            found.append(Line(recipe, model, row.task, not_run=row.not_run))
            continue
        same = known.get(row.task)
        wrong = "no score" if row.score is None else difference(row, same) if same else ""
        found.append(
            Line(
                recipe,
                model,
                row.task,
                samples=len(row.samples),
                score=row.score,
                computed=same.score if same else None,
                wrong=wrong,
            )
        )
    return found


def show(found: list[Line]) -> None:
    """Print the table, with a row of its own for each recipe, and below it each reason."""
    console = Console()
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("task", overflow="fold")
    for name in ("ran", "score", "in process", "equal"):
        table.add_column(name, justify="right", no_wrap=True)
    for recipe, rows in groupby(found, key=lambda line: line.recipe):
        table.add_row(f"[bold]{recipe}")
        for line in rows:
            table.add_row(f"  {line.model}", line.task, *_cells(line))
    console.print(table)
    for line in found:
        if reason := line.wrong or line.not_run:
            console.print(f"\n{line.recipe}, {line.model}, {line.task}:", style="bold")
            console.print(reason, markup=False, highlight=False)


def _cells(line: Line) -> tuple[str, ...]:
    if line.not_run:
        return "[yellow]no", "", "", ""
    if line.score is None:
        return "[red]failed", "", "", ""
    equal = "[red]no" if line.wrong else "-" if line.computed is None else "[green]yes"
    return str(line.samples), _number(line.score), _number(line.computed), equal


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
