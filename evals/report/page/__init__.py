"""Shows runs as a page: one HTML file that loads nothing, and the same as Markdown."""

from collections.abc import Sequence
from pathlib import Path

from evals.files import write as write_file
from evals.read import Run
from evals.report.page import content, samples
from evals.report.page.clips import BUDGET, Audio, gather


def write(runs: Sequence[Run], html: Path, *, audio: Audio = "embed", budget: int = BUDGET) -> None:
    """Write the page of *runs* to the file *html*, and the same as Markdown beside it, as `.md`.

    Recordings are compressed into the page until they take *budget* bytes, those of the worst
    samples first; the others are linked. *runs* has one at least. Raises CannotWrite.
    """
    ordered = samples.worst_first(runs)
    paths = [result.audio for _, result in ordered if result.audio is not None]
    clips = gather(paths, audio=audio, budget=budget, page=html)
    # The name of a folder may have bytes that are not UTF-8.
    write_file(html, content.html(runs, clips).encode(errors="replace"))
    write_file(html.with_suffix(".md"), content.markdown(runs, ordered).encode(errors="replace"))
