"""What CTranslate2's Whisper returns for calls that waited together."""

import random

import numpy as np
from ctranslate2 import StorageView
from ctranslate2.models import Whisper

from backends.whisper.batched_calls import BatchedWhisper
from tests.live import BUILTIN

START = [585, 586, 686]
"""`<|startoftranscript|>`, `<|en|>` and `<|transcribe|>` in the built-in model's vocabulary."""


def test_alignments_are_the_same_alone_and_together() -> None:
    """On a CPU the probability of a word does not depend on the calls that wait beside it."""
    whisper = Whisper(str(BUILTIN / "speech"), compute_type="int8", intra_threads=1)
    features = np.random.default_rng(1).normal(size=(1, 80, 3000)).astype(np.float32)
    encoded = whisper.encode(StorageView.from_array(features))
    draw = random.Random(1)  # noqa: S311
    texts = [draw.choices(range(256), k=length) for length in (1, 2, 3, 5, 8, 13, 21, 34)]
    alone = [whisper.align(encoded, START, [text], 3000)[0] for text in texts]

    engine = BatchedWhisper(whisper, max_batch=8, on_batch=lambda _: None)
    # Queued before the workers start, so that all of them wait together.
    calls = [
        engine.batcher.submit("align", None, (encoded, START, text, 3000, {})) for text in texts
    ]
    engine.start()
    together = [call.result()[0] for call in calls]
    engine.close()

    assert [found.alignments for found in together] == [found.alignments for found in alone]
    assert [found.text_token_probs for found in together] == [
        found.text_token_probs for found in alone
    ]
