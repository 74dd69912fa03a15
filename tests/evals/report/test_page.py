"""The page of a run, as text: facts, alignment, recordings, and that nothing in it can act."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import av
import pytest
from click.testing import CliRunner

from evals.cli import main
from evals.report import page
from evals.report.page import clips, distribution, samples
from evals.report.page.alignment import Piece, align
from evals.report.page.markdown import escape
from evals.result import Failure, Tally
from tests.evals.report.runs import answered, failed, run, weighed
from tests.live import CLIPS

HOSTILE = "</script><script>alert(1)</script><img src=http://evil.test/a.png onerror=alert(2)>"


def data(html: Path) -> Any:
    """Return what the page's script reads."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html.read_text())
    assert found
    return json.loads(found[1])


def test_edits_are_marked() -> None:
    """An alignment has the words that were missed, added and replaced, in their places."""
    target, answer = "turn on the big light", "turn the bright light now"
    tally = Tally(numerator=3, denominator=5, target=target, answer=answer)

    assert align("wer", tally) == [
        Piece("equal", "turn", "turn"),
        Piece("delete", "on", ""),
        Piece("equal", "the", "the"),
        Piece("substitute", "big", "bright"),
        Piece("equal", "light", "light"),
        Piece("insert", "", "now"),
    ]


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    """Score, interval, edits, failures with an example, and the worst sample are in both files."""
    results = [answered(0, "one two six", "one six"), answered(1, "a b", "a b"), failed(2, "a")]
    page.write([run(tmp_path / "m", results)], tmp_path / "page.html")

    html, markdown = ((tmp_path / f"page.{kind}").read_text() for kind in ("html", "md"))

    for fact in ("WER 20.00% (1/5)", "no interval: fewer than 20 samples", "APITimeoutError"):
        assert fact in html
        assert fact in markdown
    assert "0 substitutions, 1 deletions, 0 insertions" in html
    assert "REF: one two six\nHYP: one *** six\n           D" in markdown
    assert "Request timed out." in html
    assert "Request timed out." in markdown


def test_a_failure_that_counts_as_empty_is_marked(tmp_path: Path) -> None:
    """With `--on-error empty` the score, the sample and the Markdown say what was done."""
    page.write(
        [run(tmp_path / "m", [answered(0, "a", "a"), failed(1, "b")], on_error="empty")],
        tmp_path / "page.html",
    )

    html, markdown = ((tmp_path / f"page.{kind}").read_text() for kind in ("html", "md"))

    assert "Failed samples scored as empty answers: 1" in html
    assert "failed samples scored as empty answers: 1" in markdown
    assert data(tmp_path / "page.html")["rows"][1]["cells"][0]["notes"] == [
        "scored as an empty answer"
    ]


def test_what_others_wrote_is_text(tmp_path: Path) -> None:
    """Names, questions, answers and messages of a server add no element and no picture."""
    error = Failure(type="NoText", message=HOSTILE)
    results = [
        answered(0, HOSTILE, HOSTILE, id=HOSTILE, question=HOSTILE),
        failed(1, HOSTILE, error=error),
    ]
    page.write(
        [run(tmp_path / "m", results, scorer="exact", model=HOSTILE, task=HOSTILE)],
        tmp_path / "page.html",
    )

    html, markdown = ((tmp_path / f"page.{kind}").read_text() for kind in ("html", "md"))

    assert "<img" not in html
    assert html.count("<script") == html.count("</script>") == 2
    assert not re.search(r"(?<!\\)<", markdown)
    assert data(tmp_path / "page.html")["rows"][0]["id"] == HOSTILE


def test_the_page_may_load_nothing(tmp_path: Path) -> None:
    """Its policy allows the page's own style and script by their hashes, and no address."""
    page.write([run(tmp_path / "m", [answered(0, "a", "a")])], tmp_path / "page.html")

    html = (tmp_path / "page.html").read_text()

    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy.startswith("default-src 'none'; style-src &#39;sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"(?:src|href)=(?!\"data:,\")|@import|url\(", html.partition("<script")[0])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a | b\n# c", r"a \| b \# c"),
        ("![x](http://evil.test/a.png)", r"\!\[x\](http://evil.test/a.png)"),
        ("`<b>` **c**", r"\`\<b\>\` \*\*c\*\*"),
    ],
)
def test_markdown_is_escaped(text: str, shown: str) -> None:
    """A text in the Markdown stays on its line and is no markup."""
    assert escape(text) == shown


def test_samples_of_two_runs_share_a_row(tmp_path: Path) -> None:
    """Samples are matched by id and repeat; where one run lacks a sample, its cell is empty."""
    one = run(tmp_path / "a", [answered(0, "x y", "x"), answered(0, "x y", "x y", repeat=1)])
    other = run(tmp_path / "b", [answered(0, "x y", "x y"), answered(1, "z", "z")])

    page.write([one, other], tmp_path / "page.html")

    rows = data(tmp_path / "page.html")["rows"]
    scores = [[cell and cell["score"] for cell in row["cells"]] for row in rows]
    assert scores == [[0.5, 0.0], [0.0, None], [None, 0.0]]


def test_runs_of_other_data_share_no_row(tmp_path: Path) -> None:
    """Runs of different data are shown beside each other, and said not to be comparable."""
    one = run(tmp_path / "a", [answered(0, "x", "x")])
    other = run(tmp_path / "b", [answered(0, "y", "y")], manifest_sha256="1" * 64)

    page.write([one, other], tmp_path / "page.html")

    assert len(data(tmp_path / "page.html")["rows"]) == 2
    assert "B cannot be compared with A: other data" in (tmp_path / "page.md").read_text()


def test_bins(tmp_path: Path) -> None:
    """A bin holds its upper bound; words invented in silence are beyond all rates."""
    results = [
        answered(0, "a b c d e f g h i j", "a b c d e f g h i"),
        answered(1, "a b c d e", "a b c d"),
        answered(2, "", "a"),
        failed(3, "a"),
    ]

    found = distribution.of_scores([run(tmp_path / "m", results)])

    counted = dict(zip(found.labels, found.counts[0], strict=True))
    assert {label: count for label, count in counted.items() if count} == {
        "to 10 %": 1,
        "to 20 %": 1,
        "over 100 %": 1,
        "not scored": 1,
    }


def test_latencies_are_all_counted(tmp_path: Path) -> None:
    """Each answered sample is in one bin, those above the 99th percentile in the last."""
    results = [answered(index, "a", "a", latency=1 + index / 100) for index in range(300)]
    results.append(answered(300, "a", "a", latency=60.0))

    found = distribution.of_latencies([run(tmp_path / "m", results)])

    assert found
    assert sum(found.counts[0]) == 301
    assert (found.labels[-1], found.counts[0][-1]) == ("over 3.97 s", 3)


def test_latencies_of_a_batch(tmp_path: Path) -> None:
    """They are unknown: a cell has none, and beside a run that has them a bin of their own."""
    timed = [answered(index, "a", "a", latency=1.0) for index in range(2)]
    unknown = [answered(index, "a", "a", latency=None) for index in range(3)]
    of_requests, of_batch = run(tmp_path / "m", timed), run(tmp_path / "n", unknown)

    found = distribution.of_latencies([of_requests, of_batch])

    assert found
    assert (found.labels[-1], [counts[-1] for counts in found.counts]) == ("unknown", [0, 3])
    assert distribution.of_latencies([of_batch]) is None
    assert samples.cell(of_batch, unknown[0]).latency is None
    assert of_batch.summary.speed.p50 is None


def test_the_worst_recordings_are_embedded(tmp_path: Path) -> None:
    """Recordings come into the page from the worst sample on, until the limit; then as links."""
    good, bad = sorted(CLIPS.glob("en-0[12]*.flac"))
    size = len(base64.b64encode(clips.compress(bad, most=10**6) or b""))
    results = [
        answered(0, "a b", "a b", audio=str(good)),
        answered(1, "a b", "c d", audio=str(bad)),
        answered(2, "a b", "a b", audio=str(tmp_path / "gone.wav")),
    ]

    page.write([run(tmp_path / "m", results)], tmp_path / "page.html", budget=size)

    first, second, third = data(tmp_path / "page.html")["rows"]
    assert (first.get("embedded"), second.get("embedded")) == (None, 0)
    assert (tmp_path / first["linked"]).samefile(good)
    assert "linked" not in third
    html = (tmp_path / "page.html").read_text()
    assert "1 recordings were not found or cannot be decoded" in html
    [text] = re.findall(r'id="clip-0">(.*?)<', html)
    with av.open(io.BytesIO(base64.b64decode(text))) as container:
        seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    with av.open(bad) as container:
        assert seconds == pytest.approx(float(container.duration or 0) / av.time_base, abs=0.1)


def test_a_playlist_opens_nothing(tmp_path: Path) -> None:
    """A file that names another one, as playlists do, is not followed."""
    with av.open(tmp_path / "part.ts", "w") as part, av.open(next(CLIPS.glob("*.flac"))) as clip:
        stream = part.add_stream("aac", rate=16000, layout="mono")
        for frame in clip.decode(audio=0):
            part.mux(stream.encode(frame))
        part.mux(stream.encode(None))
    playlist = tmp_path / "clip.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\npart.ts\n#EXT-X-ENDLIST\n")
    with av.open(playlist) as followed:
        assert any(frame.samples for frame in followed.decode(audio=0))

    found = clips.gather([str(playlist)], audio="embed", budget=10**6, page=tmp_path / "page.html")

    assert (found.embedded, found.missing) == ({}, [str(playlist)])


def test_choices_have_their_loglikelihoods(tmp_path: Path) -> None:
    """The table has what each choice weighs."""
    question = weighed(0, "Which barks?", "dog", {"cat": -1.5, "dog": -0.5})
    found = run(tmp_path / "m", [question], scorer="loglikelihood")

    [row] = samples.rows([found], clips.gather([], audio="none", budget=0, page=tmp_path))

    assert row.cells[0]
    assert [each.value for each in row.cells[0].loglikelihoods or ()] == [-1.5, -0.5]


def test_the_command(tmp_path: Path) -> None:
    """`evals report` writes into the folder of one run, beside those of several, or to `--out`."""
    for name in "ab":
        run(tmp_path / name, [answered(0, "x", "x")])
    one, other = str(tmp_path / "a"), str(tmp_path / "b")

    outputs = [
        CliRunner().invoke(main, ["report", *arguments], catch_exceptions=False).output.split()
        for arguments in ([one], [one, other], [one, "--out", str(tmp_path / "x.html")])
    ]

    assert [Path(first).relative_to(tmp_path) for first, _ in outputs] == [
        Path("a/report.html"),
        Path("report.html"),
        Path("x.html"),
    ]
    assert all(Path(file).exists() for both in outputs for file in both)
    refused = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert (refused.exit_code, "is not the folder of a finished run" in refused.output) == (1, True)
