"""The input file of a batch: every fault of every line, and where each line is."""

import json
from pathlib import Path
from typing import Any

import pytest

from shim.batches.input import MOST_FAULTS, BadInput, Fault, check
from shim.batches.lines import Lines

CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"


def line(custom_id: Any = "a", **changed: Any) -> str:
    """Return a line of a file, with some of its fields *changed*."""
    body = {"model": "m", "messages": []}
    return json.dumps(
        {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body, **changed}
    )


def read(
    folder: Path,
    text: str | bytes,
    *,
    endpoint: str = CHAT,
    most_lines: int = 10,
    line_bytes: int = 500,
) -> Lines:
    """Return the lines of a file with *text*; five texts for embeddings are allowed."""
    file = folder / "input.jsonl"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    lines = Lines(file)
    check(lines, endpoint=endpoint, most_lines=most_lines, most_inputs=5, line_bytes=line_bytes)
    return lines


def faults(folder: Path, text: str | bytes, **limits: int) -> list[Fault]:
    """Return what is wrong with a file with *text*."""
    with pytest.raises(BadInput) as refused:
        read(folder, text, **limits)
    return refused.value.faults


FAULTS: list[tuple[str, str, str | None]] = [
    ("{", "invalid_json_line", None),
    ('{"x": ' + "[" * 100_000, "invalid_json_line", None),
    ('{"custom_id": "\\ud800"}', "invalid_json_line", None),
    ("[]", "invalid_parameter", None),
    (line(7), "invalid_parameter", "custom_id"),
    (line(""), "invalid_custom_id", "custom_id"),
    (line("x" * 513), "invalid_custom_id", "custom_id"),
    ('{"custom_id": "a"}', "missing_required_parameter", "method"),
    (line(method="GET"), "invalid_method", "method"),
    (line(url="/v1/embeddings"), "mismatched_endpoint", "url"),
    (line(body=[]), "invalid_parameter", "body"),
    (line(body={}), "missing_required_parameter", "body.model"),
    (line(body={"model": None}), "invalid_parameter", "body.model"),
    (line(body={"model": "m", "stream": True}), "unsupported_parameter", "body.stream"),
]


@pytest.mark.parametrize(("text", "code", "param"), FAULTS)
def test_a_faulty_line_is_named(tmp_path: Path, text: str, code: str, param: str | None) -> None:
    """A fault has its code, the number of its line and the path of its field."""
    found = faults(tmp_path, f"{line('first')}\n\n{text}\n", line_bytes=200_000)

    assert [(fault.code, fault.line, fault.param) for fault in found] == [(code, 3, param)]


def test_faults_of_all_lines_are_reported(tmp_path: Path) -> None:
    """A file is refused with all its faults, up to a number; a later line's id may be the fault."""
    found = faults(tmp_path, f"{line('a')}\nx\n{line('a')}\n{line('b')}")
    many = faults(tmp_path, "x\n" * 1000, most_lines=1000)

    assert [(fault.code, fault.line) for fault in found] == [
        ("invalid_json_line", 2),
        ("duplicate_custom_id", 3),
    ]
    assert [fault.line for fault in many] == list(range(1, MOST_FAULTS + 1))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_file"),
        ("\n \n", "empty_file"),
        ("\n".join(map(line, "abc")), "too_many_tasks"),
        (b"\xff\xfe", "invalid_json_line"),
        (line("x" * 300), "line_too_large"),
    ],
)
def test_a_file_can_be_wrong_as_a_whole(tmp_path: Path, text: str | bytes, code: str) -> None:
    """A file has between one line and the limit, each within its limit."""
    assert [fault.code for fault in faults(tmp_path, text, most_lines=2, line_bytes=300)] == [code]


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ("a", 1),
        (["a", "b"], 2),
        (['"', "\\", '[\\",'], 3),
        ([1, 2, 3], 1),
        ([[1, 2], [3], [4]], 3),
        ([], 0),
        (None, 1),
    ],
)
def test_texts_for_embeddings_are_counted(tmp_path: Path, given: Any, count: int) -> None:
    """The limit is for the texts of all lines together; a list of token ids is one text."""

    def texts(more: list[str]) -> str:
        bodies = [{"model": "m", "input": given}, {"model": "m", "input": more}]
        return "\n".join(
            line(str(number), url=EMBEDDINGS, body=body) for number, body in enumerate(bodies)
        )

    read(tmp_path, texts(["x"] * (5 - count)), endpoint=EMBEDDINGS).close()
    with pytest.raises(BadInput) as refused:
        read(tmp_path, texts(["x"] * (6 - count)), endpoint=EMBEDDINGS)

    assert [fault.code for fault in refused.value.faults] == ["too_many_inputs"]


def test_each_line_is_found_again(tmp_path: Path) -> None:
    """Any line can be read by its index, whatever separates the lines and ends the file."""
    odd = line("ö", body={"model": "n", "x": ["\n", 1.0]})
    lines = read(tmp_path, f"\n{line('a')}\r\n\n  {odd}\n{line('c')}")

    assert [lines.request(index).custom_id for index in (2, 1, 0)] == ["c", "ö", "a"]
    assert json.loads(bytes(lines.request(1).body)) == {"model": "n", "x": ["\n", 1.0]}
    assert [lines.model(index) for index in range(len(lines))] == ["m", "n", "m"]
    lines.close()
