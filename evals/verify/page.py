"""Writes a proof as one HTML page for an appendix. It loads nothing."""

from pathlib import Path

from evals.files import write
from evals.report.page.template import render
from evals.verify.proof import Proof

TEMPLATE = Path(__file__).with_name("proof.html")


def save(proof: Proof, path: Path) -> None:
    """Write *proof* to the file *path*, which is replaced. Raises CannotWrite."""
    write(path, page(proof).encode(errors="replace"))


def page(proof: Proof) -> str:
    """Return the page of *proof*."""
    return render(
        TEMPLATE,
        sheet="proof.css",
        proof=proof,
        counts=[(word, proof.count(word)) for word in ("passed", "breach", "not checked")],
        of_model={
            model.model: [v for v in proof.verdicts if v.model == model.model]
            for model in proof.models
        },
        breaches=[verdict for verdict in proof.verdicts if verdict.verdict == "breach"],
    )
