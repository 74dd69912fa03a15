"""The table: on the terminal, and in a document between two marks."""

from collections.abc import Sequence
from pathlib import Path

from tools.attack.attack import KINDS
from tools.attack.judge import Observed, faults

_HEAD = (
    "attack",
    "what the attacker saw",
    "p99, ms",
    "longest, ms",
    "peak, MB",
    "bystander",
    "passed",
)
BEGIN = "<!-- begin: python -m tools.attack -->"
END = "<!-- end -->"


def row(observed: Observed) -> tuple[str, ...]:
    """Return the cells of one attack."""
    outcomes = ", ".join(f"{count} x {what}" for what, count in observed.seen.outcomes.items())
    right = len(observed.answers) - len(observed.wrong)
    found = faults(observed)
    return (
        observed.attack.name,
        f"{outcomes or 'nothing'}; slowest {observed.seen.slowest:.1f} s",
        f"{observed.p99 * 1e3:.0f}",
        f"{observed.longest * 1e3:.0f}",
        f"{observed.peak:.0f}",
        f"{right} of {len(observed.answers)} right",
        "no: " + "; ".join(found) if found else "yes",
    )


def tables(all_observed: Sequence[Observed]) -> str:
    """Return a table in Markdown for each kind, with a line that says what each attack does."""
    parts = []
    for kind, meaning in KINDS.items():
        of_kind = [observed for observed in all_observed if observed.attack.kind == kind]
        if not of_kind:
            continue
        rows = [_HEAD, ("---",) * len(_HEAD), *map(row, of_kind)]
        lines = ["| " + " | ".join(map(_escaped, cells)) + " |" for cells in rows]
        parts.append("\n".join([f"### {meaning[0].upper()}{meaning[1:]}", "", *lines]))
        parts.append("\n".join(f"- `{o.attack.name}`: {o.attack.description}." for o in of_kind))
    return "\n\n".join(parts)


def write(path: Path, text: str) -> None:
    """Put *text* between the marks of *path*. Raises ValueError if they are missing."""
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no lines '{BEGIN}' and '{END}'")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
