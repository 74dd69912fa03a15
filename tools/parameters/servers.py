"""Names that servers document which are no Python packages, and none that can be installed here.

LocalAI's are the JSON names of `OpenAIRequest` and `PredictionOptions` in its `core/schema/`, and
the fields that its pages on transcription and on speakers list; those of images are left out.
llama.cpp's server documents a schema beside `json_object`.
"""

from shim.parameters.documented import Name

_EXTRA_BODY = {"extra_body": Name(["openai"])}
"""An argument of the stock client's methods, which no server is meant to see."""

_TEXT = {
    **_EXTRA_BODY,
    "repeat_penalty": Name(["LocalAI"], [0, 1]),
    "repeat_last_n": Name(["LocalAI"], [0]),
    "n_keep": Name(["LocalAI"], [0]),
    "tfz": Name(["LocalAI"], [0, 1]),
    "typical_p": Name(["LocalAI"], [0, 1]),
    "negative_prompt": Name(["LocalAI"]),
    "negative_prompt_scale": Name(["LocalAI"], [0]),
    "rope_freq_base": Name(["LocalAI"], [0]),
    "rope_freq_scale": Name(["LocalAI"], [0]),
    "grammar": Name(["LocalAI"]),
    "grammar_json_functions": Name(["LocalAI"]),
    "ignore_eos": Name(["LocalAI"], [False]),
}

SERVERS: dict[str, dict[str, Name]] = {
    # `vllm.entrypoints.pooling.base.protocol` names them in its refusals.
    "embeddings.EmbeddingRequest": {
        **_EXTRA_BODY,
        "normalize": Name(["vllm"]),
        "task": Name(["vllm"]),
    },
    "chat.ChatRequest": _TEXT,
    "completions.CompletionRequest": _TEXT,
    "responses.ResponsesRequest": _EXTRA_BODY,
    "generation.JsonObjectFormat": {"schema": Name(["llama.cpp"])},
    "transcription.TranscriptionForm": {
        **_EXTRA_BODY,
        "translate": Name(["LocalAI"], [False]),
        "diarize": Name(["LocalAI"], [False]),
        "max_tokens": Name(["LocalAI"]),
        "repeat_penalty": Name(["LocalAI"], [0, 1]),
        "num_speakers": Name(["LocalAI"], [0]),
        "min_speakers": Name(["LocalAI"], [0]),
        "max_speakers": Name(["LocalAI"], [0]),
        # The form of the server that lmms-eval's `whisper_tt` was written for.
        "perform_diarization": Name(["whisper_tt"], [False]),
    },
}
