"""Lists the parameters whose rule was decided by hand, each with a reason or a hint.

A documented name that is neither here nor a field of its Struct is refused, unless its value is the
documented default. So a name that is new in a package is never ignored silently.
"""

from .rules import NOTHING, Ignored, Refused, Rule

_CACHE = Ignored("A cache changes how long an answer takes, not the answer.")
_CLIENT = Ignored("It identifies the user of the client to OpenAI; no answer depends on it.")
_KEPT = Ignored("This server stores nothing from one request to the next.")
_RENDER = Ignored("vLLM reads it on its render routes only.")
_ID = Ignored("Ids refer to stored items; this server stores none.")
_STATUS = Ignored("An item that is sent back is used whatever its status.")
_BESIDE_TEXT = Ignored("It describes the text of an earlier answer; models read the text only.")
_DETAIL = Ignored("The model sets the size at which it sees images and films.")
_TOOLS = "Use `tools` and `tool_choice`."

COMMON: dict[str, Rule] = {
    "user": _CLIENT,
    "safety_identifier": _CLIENT,
    "metadata": _KEPT,
    "store": _KEPT,
    "session_id": Ignored("It routes requests between several servers."),
    "request_id": Ignored("Answers have ids of their own; `x-request-id` identifies a request."),
    "service_tier": Ignored("All requests wait in one queue."),
    "prediction": Ignored("At OpenAI a prediction makes an answer faster, but does not change it."),
    "prompt_cache_key": _CACHE,
    "prompt_cache_options": _CACHE,
    "prompt_cache_retention": _CACHE,
    "prompt_cache_breakpoint": _CACHE,
    "uuid": _CACHE,
    "stream_interval": Ignored("It sets the number of events in a stream, not their text."),
    "mm_payload": _RENDER,
    "return_mm_kwargs": _RENDER,
    "return_token_offsets": _RENDER,
    "routed_experts_prompt_start": Ignored("Answers have no data about experts to shorten."),
    "max_tool_calls": Ignored("It limits OpenAI's built-in tools; this server does not have any."),
    "include_obfuscation": Ignored("Streams are never padded."),
    # An empty schema means any JSON, so `{}` is refused too.
    "guided_json": Refused(
        'Use `structured_outputs: {"json": …}` or `response_format`.', unless=()
    ),
    "guided_regex": Refused('Use `structured_outputs: {"regex": …}`.'),
    "guided_choice": Refused('Use `structured_outputs: {"choice": […]}`.'),
    "guided_grammar": Refused('Use `structured_outputs: {"grammar": …}`.'),
    "guided_whitespace_pattern": Refused('Use `structured_outputs: {"whitespace_pattern": …}`.'),
    "guided_decoding_backend": Refused(
        "The server has one backend for `structured_outputs`; a request cannot choose another."
    ),
    "grammar": Refused('Use `structured_outputs: {"grammar": …}`.'),
    "repeat_penalty": Refused("Use `repetition_penalty`."),
    "extra_body": Refused(
        "It is an argument of the client; send its content at the top of the request."
    ),
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
    "continuous_usage_stats": Refused("The usage is sent once, at the end of the stream."),
}
"""The rules of names that have the same rule in every place."""

_STORES_NOTHING = "This server stores nothing from one request to the next."
_WATERMARK = Refused("An engine that is configured to watermark does so unless it is false.")
_SPEAKERS = Refused("No model here tells speakers apart.")
_SAMPLING = (
    "A request cannot control the engine's random numbers. Any value is accepted where none are "
    "used (`temperatures=0`)."
)
_ANSWER_LACKS_IT = "A response does not have a field for its result."

DECISIONS: dict[str, dict[str, Rule]] = {
    "chat.ChatRequest": {
        "watermarking": _WATERMARK,
        "input": Refused("Use `messages`."),
        "prompt": Refused("Use `messages`."),
        "instructions": Refused("Use a message of the role `system`."),
        "reasoning": Refused("Use `reasoning_effort`."),
    },
    "completions.CompletionRequest": {
        "parallel_tool_calls": Ignored("Text completions do not have tools."),
        "include_reasoning": Ignored("Text completions do not separate reasoning from text."),
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
        "previous_response_id": Refused(_STORES_NOTHING),
        "conversation": Refused(_STORES_NOTHING),
        "prompt": Refused(_STORES_NOTHING),
        "background": Refused(_STORES_NOTHING),
        "n": Refused(_ANSWER_LACKS_IT),
        "prompt_logprobs": Refused(_ANSWER_LACKS_IT),
        "return_token_ids": Refused(_ANSWER_LACKS_IT),
    },
    "tokenizer.TokenizeRequest": {
        "truncate_prompt_tokens": Refused("This route never truncates."),
        "truncation_side": Refused("This route never truncates."),
        "documents": Refused(),
        "reasoning_effort": Refused("Use `chat_template_kwargs`."),
    },
    "tokenizer.DetokenizeRequest": {
        "skip_special_tokens": Refused("The text always has the special tokens."),
        "spaces_between_special_tokens": Refused("The text always has the special tokens."),
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
        "max_tokens": Refused("Use `max_new_tokens`, which counts for each window of 30 s."),
        "n": Refused("Use `beam_size`; a recording has one transcription."),
        "audio": Refused("Send the recording as `file`."),
        "batch_size": Ignored("It sets how much is computed at once, not the result."),
        "log_progress": Ignored("It writes to the server's terminal."),
        "stream_include_usage": Ignored("The last event of a stream always has the usage."),
        "stream_continuous_usage_stats": Refused(
            "The usage is sent once, at the end of the stream."
        ),
    },
    "generation.ChatMessage": {
        "annotations": _BESIDE_TEXT,
        "function_call": Refused("Use `tool_calls`."),
    },
    "generation.JsonObjectFormat": {"schema": Refused("Use the type `json_schema`.")},
    "generation.Url": {"detail": _DETAIL},
    "generation.MessageToolCall": {"index": Ignored("The calls are already in their order.")},
    "responses.ImagePart": {"detail": _DETAIL},
    "responses.FilePart": {
        "detail": _DETAIL,
        "filename": Ignored("The `data:` URL states the type of the file."),
    },
    "responses.OutputTextPart": {"annotations": _BESIDE_TEXT, "logprobs": _BESIDE_TEXT},
    "responses.MessageItem": {"id": _ID, "status": _STATUS, "phase": _STATUS},
    "responses.ReasoningItem": {"id": _ID, "status": _STATUS},
    "responses.CallItem": {"id": _ID, "status": _STATUS},
    "responses.CallOutputItem": {
        "id": _ID,
        "status": _STATUS,
        "name": Ignored("`call_id` identifies the call that it answers."),
    },
    "responses.FunctionTool": {
        "output_schema": Ignored("Models see the arguments of a function, not its result."),
    },
    "responses.TextConfig": {"verbosity": Refused(unless=("medium", *NOTHING))},
    "responses.Thought": {"type": Ignored("Its list is either the summary or the content.")},
    "responses.Reasoning": {
        "mode": Refused(unless=("standard", *NOTHING)),
        "context": Refused(unless=("auto", *NOTHING)),
    },
}
"""The rules of names in one place: a folder and a Struct. They override `COMMON`."""
