"""Synthesisers that are programs: flite, and Festival with its voices.

Both take the pitch wanted (Hz), which lets a voice be played at another rate without its pitch
following: new speakers from few voices.
"""

# ruff: noqa: S603, S607 - the programs of the system, with arguments made here

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

Audio = tuple[npt.NDArray[np.float32], int]

FESTIVAL_PRELUDE = """
(define (say text file)
  (let ((utt (eval (list 'Utterance 'Text text))))
    (utt.synth utt)
    (format t "@ %s" file)
    (mapcar (lambda (w) (format t " %f" (item.feat w "word_start")))
            (utt.relation.items utt 'Word))
    (format t "\\n")
    (utt.save.wave utt file 'riff)))
"""


@dataclass(frozen=True)
class Order:
    """A sentence to speak: duration stretch 1 is normal speed, pitch and its spread in Hz."""

    text: str
    voice: str
    stretch: float
    pitch: float | None = None
    spread: float = 15.0
    warp: float = 0.0
    """For the HTS voice: what to add to its all-pass constant, which moves the formants."""


def flite(order: Order) -> Audio:
    """Speak with flite; some 20 sentences a second."""
    settings = [f"duration_stretch={order.stretch:.2f}"]
    if order.pitch is not None:
        settings.append(f"int_f0_target_mean={order.pitch:.1f}")
        settings.append(f"int_f0_target_stddev={order.spread:.1f}")
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["flite", "-voice", order.voice, "-t", order.text, "-o", file.name]
        for setting in settings:
            command += ["--setf", setting]
        subprocess.run(command, check=True)
        audio, rate = soundfile.read(file.name, dtype="float32")
    return audio, rate


def festival(orders: list[Order]) -> list[tuple[Audio, list[float | None]]]:
    """Speak all *orders* in one run of Festival; each with the starts of its words in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.wav" for number in range(len(orders))]
        lines = [FESTIVAL_PRELUDE]
        current = ""
        for order, file in sorted(zip(orders, files, strict=True), key=lambda pair: pair[0].voice):
            if order.voice != current:  # loading a voice takes far longer than a sentence
                current = order.voice
                lines.append(f"(voice_{current})")
            lines.append(_scheme(order, file))
        script = Path(folder) / "say.scm"
        script.write_text("\n".join(lines))
        output = subprocess.run(
            ["festival", "-b", str(script)], check=True, capture_output=True, text=True
        ).stdout
        starts: dict[str, list[float | None]] = {}
        for line in output.splitlines():
            if line.startswith("@ "):
                _, name, *times = line.split()
                starts[name] = [float(time) for time in times]
        return [
            (soundfile.read(file, dtype="float32"), starts[str(file)])
            for file in files
            if file.exists()
        ]


def _scheme(order: Order, file: Path) -> str:
    """Return the lines of Scheme that speak one order."""
    say = f'(say "{order.text}" "{file}")'
    if order.voice.endswith("_hts"):
        pitch = order.pitch or 180.0
        halftones = 12 * np.log2(pitch / 180.0)
        return (
            f"(set! hts_engine_params (append {order.voice}::hts_engine_params"
            f' (list \'("-a" {0.45 + order.warp:.3f}) \'("-fm" {halftones:.2f})'
            f' \'("-r" {1 / order.stretch:.3f}))))' + say
        )
    return (
        f"(Parameter.set 'Duration_Stretch {order.stretch:.3f})"
        f"(set! int_lr_params '((target_f0_mean {order.pitch or 105:.1f})"
        f" (target_f0_std {order.spread:.1f}) (model_f0_mean 170) (model_f0_std 34)))" + say
    )
