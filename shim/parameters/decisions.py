"""What is decided of names by hand: why they are ignored, or what to do instead.

What is documented, and neither here nor a field of its Struct, is refused unless it has its
documented default: a name that is new in a package is never ignored in silence.
"""

from .rules import NOTHING, Ignored, Refused, Rule

_CACHE = Ignored("Caches change how long an answer takes, not the answer.")
_CLIENT = Ignored("It tells OpenAI who uses the client; no answer depends on it.")
_KEPT = Ignored("Nothing is kept from one request to the next.")
_RENDER = Ignored("vLLM reads it on its render routes alone.")
_ID = Ignored("Ids of items name what a server has kept; nothing is kept here.")
_STATUS = Ignored("An item that is sent back is taken as it is.")
_TOLD = Ignored("It was told beside the text; models read the text alone.")
_TOOLS = "Use `tools` and `tool_choice`."

COMMON: dict[str, Rule] = {
    "user": _CLIENT,
    "safety_identifier": _CLIENT,
    "metadata": _KEPT,
    "store": _KEPT,
    "session_id": Ignored("It is for routing between several servers."),
    "request_id": Ignored("Answers have ids of their own; `x-request-id` names a request."),
    "service_tier": Ignored("All requests wait in one queue."),
    "prediction": Ignored("A prediction makes an answer faster at OpenAI; the answer is the same."),
    "prompt_cache_key": _CACHE,
    "prompt_cache_options": _CACHE,
    "prompt_cache_retention": _CACHE,
    "prompt_cache_breakpoint": _CACHE,
    "uuid": _CACHE,
    "stream_interval": Ignored("It says in how many pieces a stream comes, not what it says."),
    "mm_payload": _RENDER,
    "return_mm_kwargs": _RENDER,
    "return_token_offsets": _RENDER,
    "routed_experts_prompt_start": Ignored("Answers hold no data on experts to shorten."),
    "max_tool_calls": Ignored("It bounds OpenAI's built-in tools, of which there are none here."),
    "include_obfuscation": Ignored("Streams are not padded."),
    # An empty schema asks for JSON.
    "guided_json": Refused(
        'Use `structured_outputs: {"json": …}` or `response_format`.', unless=()
    ),
    "guided_regex": Refused('Use `structured_outputs: {"regex": …}`.'),
    "guided_choice": Refused('Use `structured_outputs: {"choice": […]}`.'),
    "guided_grammar": Refused('Use `structured_outputs: {"grammar": …}`.'),
    "guided_whitespace_pattern": Refused('Use `structured_outputs: {"whitespace_pattern": …}`.'),
    "guided_decoding_backend": Refused(
        "`structured_outputs` has no backend to choose: the server has one."
    ),
    "grammar": Refused('Use `structured_outputs: {"grammar": …}`.'),
    "repeat_penalty": Refused("Use `repetition_penalty`."),
    "extra_body": Refused("It is the client's argument: what is in it goes beside the others."),
    "functions": Refused(_TOOLS),
    "function_call": Refused(_TOOLS, unless=("none", "auto", *NOTHING)),
    "modalities": Refused(unless=(["text"], *NOTHING)),
    "verbosity": Refused(unless=("medium", *NOTHING)),
    "web_search_options": Refused(unless=()),
    "tool_choice": Refused(unless=("none", "auto", *NOTHING)),
    "reasoning_effort": Refused(unless=("none", *NOTHING)),
    "best_of": Refused(unless=(0, 1, *NOTHING)),
    "text": Refused("Use `response_format`.", unless=({"format": {"type": "text"}}, *NOTHING)),
    "caller": Refused(unless=({"type": "direct"}, *NOTHING)),
    "allowed_callers": Refused(unless=(["direct"], *NOTHING)),
    "continuous_usage_stats": Refused("The usage is told once, at the end."),
}
"""Of any place."""

_KEEPS = "This server keeps nothing from one request to the next."
_WATERMARK = Refused("An engine that is configured to watermark does so unless it is false.")
_SPEAKERS = Refused("No model here tells speakers apart.")
_SAMPLING = (
    "The engine's random numbers cannot be steered by a request; where none are used "
    "(`temperatures=0`) any value is accepted."
)
_OF_ANSWERS = "A response has no place for what it brings."

DECISIONS: dict[str, dict[str, Rule]] = {
    "chat.ChatRequest": {
        "watermarking": _WATERMARK,
        "input": Refused("Use `messages`."),
        "prompt": Refused("Use `messages`."),
        "instructions": Refused("Use a message of the role `system`."),
        "reasoning": Refused("Use `reasoning_effort`."),
    },
    "completions.CompletionRequest": {
        "parallel_tool_calls": Ignored("Texts have no tools."),
        "include_reasoning": Ignored("Texts have no reasoning that is told apart."),
        "watermarking": _WATERMARK,
        "messages": Refused("Use `prompt`, or `/v1/chat/completions`."),
        "input": Refused("Use `prompt`."),
        "instructions": Refused("Use `prompt`."),
        "top_logprobs": Refused("Use `logprobs: N`."),
    },
    "responses.ResponsesRequest": {
        "watermarking": _WATERMARK,
        "messages": Refused("Use `input`."),
        "response_format": Refused("Use `text.format`.", unless=({"type": "text"}, *NOTHING)),
        "reasoning_effort": Refused("Use `reasoning.effort`."),
        "logprobs": Refused(
            'Use `include: ["message.output_text.logprobs"]` and `top_logprobs`.',
        ),
        "previous_response_id": Refused(_KEEPS),
        "conversation": Refused(_KEEPS),
        "prompt": Refused(_KEEPS),
        "background": Refused(_KEEPS),
        "n": Refused(_OF_ANSWERS),
        "prompt_logprobs": Refused(_OF_ANSWERS),
        "return_token_ids": Refused(_OF_ANSWERS),
    },
    "tokenizer.TokenizeRequest": {
        "truncate_prompt_tokens": Refused("Nothing is cut off here."),
        "truncation_side": Refused("Nothing is cut off here."),
        "documents": Refused(),
        "reasoning_effort": Refused("Use `chat_template_kwargs`."),
    },
    "tokenizer.DetokenizeRequest": {
        "skip_special_tokens": Refused("Special tokens are written out."),
        "spaces_between_special_tokens": Refused("Special tokens are written out."),
    },
    "embeddings.EmbeddingRequest": {
        "cache_salt": _CACHE,
        "messages": Refused("Use `input`."),
        "normalize": Refused("Use `use_activation`.", unless=()),
        "padding": Refused(unless=("do_not_pad", *NOTHING)),
        "endianness": Refused(unless=("little", *NOTHING)),
    },
    "transcription.TranscriptionForm": {
        "known_speaker_names": _SPEAKERS,
        "known_speaker_references": _SPEAKERS,
        "diarize": _SPEAKERS,
        "perform_diarization": _SPEAKERS,
        "num_speakers": _SPEAKERS,
        "min_speakers": _SPEAKERS,
        "max_speakers": _SPEAKERS,
        "seed": Refused(_SAMPLING),
        "top_p": Refused(_SAMPLING, unless=(1, *NOTHING)),
        "top_k": Refused(_SAMPLING, unless=(0, -1, *NOTHING)),
        "min_p": Refused(_SAMPLING, unless=(0, *NOTHING)),
        "use_beam_search": Refused("Use `beam_size`."),
        "max_tokens": Refused("Use `max_new_tokens`: of each window of 30 s."),
        "n": Refused("Use `beam_size`; a recording has one transcription."),
        "audio": Refused("Send the recording as `file`."),
        "batch_size": Ignored("It says how much is computed at once, not what."),
        "log_progress": Ignored("It writes to the server's terminal."),
        "stream_include_usage": Ignored("The last event of a stream always tells its usage."),
        "stream_continuous_usage_stats": Refused("The usage is told once, at the end."),
    },
    "generation.ChatMessage": {
        "annotations": _TOLD,
        "function_call": Refused("Use `tool_calls`."),
    },
    "generation.JsonObjectFormat": {"schema": Refused("Use the type `json_schema`.")},
    "generation.Url": {"detail": Ignored("Models here see every image at one size: their own.")},
    "generation.MessageToolCall": {"index": Ignored("Calls are in their order.")},
    "responses.ImagePart": {
        "detail": Ignored("Models here see every image at one size: their own.")
    },
    "responses.FilePart": {
        "detail": Ignored("Models here see every file at one size: their own."),
        "filename": Ignored("What a file is is told by its `data:` URL."),
    },
    "responses.OutputTextPart": {"annotations": _TOLD, "logprobs": _TOLD},
    "responses.MessageItem": {"id": _ID, "status": _STATUS, "phase": _STATUS},
    "responses.ReasoningItem": {"id": _ID, "status": _STATUS},
    "responses.CallItem": {"id": _ID, "status": _STATUS},
    "responses.CallOutputItem": {
        "id": _ID,
        "status": _STATUS,
        "name": Ignored("`call_id` says which call it answers."),
    },
    "responses.FunctionTool": {
        "output_schema": Ignored("Models are shown what a function takes, not what it gives."),
    },
    "responses.TextConfig": {"verbosity": Refused(unless=("medium", *NOTHING))},
    "responses.Thought": {"type": Ignored("Its place says whether it is of a summary.")},
    "responses.Reasoning": {
        "mode": Refused(unless=("standard", *NOTHING)),
        "context": Refused(unless=("auto", *NOTHING)),
    },
}
"""Of one place, before those of any."""
