"""The functions of the task `local_speech`: recordings as lmms-eval's models take them."""

import base64
from pathlib import Path

import soundfile
from datasets import Dataset
from lmms_eval.tasks.librispeech.utils import librispeech_doc_to_text, librispeech_wer

FOLDER = Path(__file__).parents[4] / "data"

doc_to_text = librispeech_doc_to_text
error_rate = librispeech_wer


def english(samples: Dataset) -> Dataset:
    """Return the English ones of *samples*, 36."""
    return samples.filter(lambda sample: sample["language"] == "en")


def doc_to_audio(sample: dict) -> list[dict]:
    """Return the recording as a hub's data set would: float64 samples at 16 kHz."""
    array, rate = soundfile.read(FOLDER / sample["audio"])
    return [{"array": array, "sampling_rate": rate}]


def doc_to_messages(sample: dict, lmms_eval_specific_kwargs: dict) -> list[dict]:
    """Return a chat with the recording, which the models `openai` and `async_openai` send."""
    data = base64.b64encode((FOLDER / sample["audio"]).read_bytes()).decode()
    recording = {"type": "audio", "url": f"data:audio/flac;base64,{data}"}
    text = librispeech_doc_to_text(sample, lmms_eval_specific_kwargs)
    return [{"role": "user", "content": [recording, {"type": "text", "text": text}]}]


def process_results(sample: dict, results: list[str]) -> dict:
    """Return what `error_rate` needs of one sample."""
    return {"wer": {"gt": sample["target"], "pred": results[0], "task": "asr_en"}}
