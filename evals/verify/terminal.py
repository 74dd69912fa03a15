"""Prints a proof: a table of each model, the evidence of each breach, and one line of verdict."""

from rich.console import Console
from rich.markup import escape

from evals.report.terminal import console, plain
from evals.verify.proof import Proof, Served
from evals.verify.verdict import Verdict, Word

NOTE = 31
"""Columns of a note: 80 in all."""
STYLES: dict[Word, str] = {"passed": "green", "breach": "bold red", "not checked": "yellow"}
EVIDENCE_SHOWN = 5
"""Most pieces of evidence of one check that are printed; the files have more."""


def show(proof: Proof) -> None:
    """Print *proof*."""
    out = console()
    for model in proof.models:
        _show_model(out, model, [v for v in proof.verdicts if v.model == model.model])
    out.print()
    for verdict in proof.verdicts:
        if verdict.verdict == "breach":
            _show_breach(out, verdict)
        elif verdict.verdict == "not checked":
            name = f"{verdict.check} ({verdict.model})"
            out.print(
                f"[yellow]not checked[/]: {escape(plain(f'{name}: {verdict.note}'))}",
                soft_wrap=True,
            )
    counts = ", ".join(f"{proof.count(word)} {word}" for word in STYLES)
    style = STYLES[proof.verdict]
    out.print(f"[{style}]{proof.verdict}[/]: {counts}", soft_wrap=True)


def _show_model(out: Console, model: Served, verdicts: list[Verdict]) -> None:
    out.print()
    name = escape(plain(model.model))
    if model.same_as is not None:
        out.print(
            f"[bold]{name}[/]: another name of {escape(plain(model.same_as))}", soft_wrap=True
        )
        return
    routes = ", ".join(model.routes) or "no route answers"
    out.print(f"[bold]{name}[/]: {routes}", soft_wrap=True)
    section = ""
    for verdict in verdicts:
        if verdict.section != section:
            section = verdict.section
            out.print(f"  [dim]{section}[/]")
        style = STYLES[verdict.verdict]
        name, note = escape(f"{verdict.check:<32}"), escape(cut(plain(verdict.note)))
        out.print(f"    {name} [{style}]{verdict.verdict:<11}[/] {note}".rstrip(), soft_wrap=True)


def cut(note: str) -> str:
    """Return *note* as it fits beside a check's name and verdict: the files have all of it."""
    return note if len(note) <= NOTE else f"{note[: NOTE - 1]}…"


def _show_breach(out: Console, verdict: Verdict) -> None:
    title = f"{verdict.check} ({verdict.model}): {verdict.breaches} of {verdict.compared}"
    out.print(
        f"[bold red]breach[/]: {escape(plain(title))}. {escape(verdict.shows)}", soft_wrap=True
    )
    for evidence in verdict.evidence[:EVIDENCE_SHOWN]:
        for heading in ("request", "expected", "got"):
            value = escape(plain(getattr(evidence, heading)))
            out.print(f"  [dim]{heading:<9}[/]{value}", soft_wrap=True)
    if (more := verdict.breaches - EVIDENCE_SHOWN) > 0:
        out.print(f"  and {more} more")
