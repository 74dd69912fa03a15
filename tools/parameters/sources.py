"""Where the names come from: by the Struct that reads them, the types that document them."""

from typing import NamedTuple


class Source(NamedTuple):
    """A type, a function or a set of names in an installed package."""

    by: str
    """The package that is named in the table."""
    module: str
    name: str


def _openai(*paths: str) -> list[Source]:
    return [Source("openai", f"openai.types.{module}", name) for module, name in _split(paths)]


def _vllm(*paths: str) -> list[Source]:
    return [Source("vllm", f"vllm.{module}", name) for module, name in _split(paths)]


def _split(paths: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(module, name) for module, _, name in (path.partition(":") for path in paths)]


_CHAT = "entrypoints.openai.chat_completion.protocol"
_BASE = "entrypoints.generate.base.protocol"
_TOKENIZE = "entrypoints.serve.tokenize.protocol"
_UTILS = "renderers.chat_utils"
_SPEECH = "entrypoints.speech_to_text"
_GUIDED = _vllm("entrypoints.serve.engine.protocol:_REMOVED_GUIDED_FIELDS")
"""Names that vLLM has removed, and warns of."""

_FORMAT = _vllm(f"{_BASE}:ResponseFormat")
_TOOL_CALL = "chat.chat_completion_message_function_tool_call_param"
_INPUT = "responses.response_input_item_param"
_REASONING = "responses.response_reasoning_item_param"

SOURCES: dict[str, list[Source]] = {
    # ── requests ──
    "chat.ChatRequest": [
        *_openai("chat.completion_create_params:CompletionCreateParamsStreaming"),
        *_vllm(f"{_CHAT}:ChatCompletionRequest"),
        *_GUIDED,
    ],
    "completions.CompletionRequest": [
        *_openai("completion_create_params:CompletionCreateParamsStreaming"),
        *_vllm("entrypoints.openai.completion.protocol:CompletionRequest"),
        *_GUIDED,
    ],
    "responses.ResponsesRequest": [
        *_openai("responses.response_create_params:ResponseCreateParamsStreaming"),
        *_vllm("entrypoints.openai.responses.protocol:ResponsesRequest"),
        *_GUIDED,
    ],
    "embeddings.EmbeddingRequest": [
        *_openai("embedding_create_params:EmbeddingCreateParams"),
        *_vllm(
            "entrypoints.pooling.embed.protocol:EmbeddingCompletionRequest",
            "entrypoints.pooling.embed.protocol:EmbeddingChatRequest",
        ),
    ],
    "tokenizer.TokenizeRequest": _vllm(
        f"{_TOKENIZE}:TokenizeCompletionRequest", f"{_TOKENIZE}:TokenizeChatRequest"
    ),
    "tokenizer.DetokenizeRequest": _vllm(f"{_TOKENIZE}:DetokenizeRequest"),
    "transcription.TranscriptionForm": [
        *_openai(
            "audio.transcription_create_params:TranscriptionCreateParamsStreaming",
            "audio.translation_create_params:TranslationCreateParams",
        ),
        *_vllm(
            f"{_SPEECH}.transcription.protocol:TranscriptionRequest",
            f"{_SPEECH}.translation.protocol:TranslationRequest",
        ),
        Source("faster-whisper", "faster_whisper", "WhisperModel.transcribe"),
        Source("faster-whisper", "faster_whisper", "BatchedInferencePipeline.transcribe"),
    ],
    "files.FileForm": _openai("file_create_params:FileCreateParams"),
    # ── objects within them ──
    "files.ExpiresAfter": _openai("file_create_params:ExpiresAfter"),
    "backends.VadParameters": [Source("faster-whisper", "faster_whisper.vad", "VadOptions")],
    "generation.StreamOptions": [
        *_openai("chat.chat_completion_stream_options_param:ChatCompletionStreamOptionsParam"),
        *_vllm(f"{_BASE}:StreamOptions"),
    ],
    "responses.StreamOptions": _openai("responses.response_create_params:StreamOptions"),
    "generation.Constraint": _vllm("sampling_params:StructuredOutputsParams"),
    "generation.Repetition": _vllm("sampling_params:RepetitionDetectionParams"),
    "generation.TextFormat": _openai("shared_params:ResponseFormatText") + _FORMAT,
    "generation.JsonObjectFormat": _openai("shared_params:ResponseFormatJSONObject") + _FORMAT,
    "generation.JsonSchemaFormat": _openai("shared_params:ResponseFormatJSONSchema") + _FORMAT,
    "generation.JsonSchema": [
        *_openai("shared_params.response_format_json_schema:JSONSchema"),
        *_vllm(f"{_BASE}:JsonSchemaResponseFormat"),
    ],
    "generation.ChatMessage": [
        *_openai(
            *(
                f"chat.chat_completion_{role}_message_param:ChatCompletion{role.title()}MessageParam"
                for role in ("developer", "system", "user", "assistant", "tool", "function")
            ),
            # An answer of an earlier turn, sent back as it came.
            "chat.chat_completion_message:ChatCompletionMessage",
        ),
        *_vllm(f"{_UTILS}:CustomChatCompletionMessageParam"),
    ],
    "generation.TextPart": _openai(
        "chat.chat_completion_content_part_text_param:ChatCompletionContentPartTextParam"
    ),
    "generation.RefusalPart": _openai(
        "chat.chat_completion_content_part_refusal_param:ChatCompletionContentPartRefusalParam"
    ),
    "generation.ImagePart": [
        *_openai(
            "chat.chat_completion_content_part_image_param:ChatCompletionContentPartImageParam"
        ),
        *_vllm(f"{_UTILS}:CustomChatCompletionContentSimpleImageParam"),
    ],
    "generation.AudioPart": _vllm(
        f"{_UTILS}:ChatCompletionContentPartAudioParam",
        f"{_UTILS}:CustomChatCompletionContentSimpleAudioParam",
    ),
    "generation.VideoPart": _vllm(
        f"{_UTILS}:ChatCompletionContentPartVideoParam",
        f"{_UTILS}:CustomChatCompletionContentSimpleVideoParam",
    ),
    "generation.InputAudioPart": _openai(
        "chat.chat_completion_content_part_input_audio_param:"
        "ChatCompletionContentPartInputAudioParam"
    ),
    "generation.Audio": _openai("chat.chat_completion_content_part_input_audio_param:InputAudio"),
    "generation.Url": [
        *_openai("chat.chat_completion_content_part_image_param:ImageURL"),
        *_vllm(f"{_UTILS}:AudioURL", f"{_UTILS}:VideoURL"),
    ],
    "generation.MessageToolCall": [
        *_openai(
            f"{_TOOL_CALL}:ChatCompletionMessageFunctionToolCallParam",
            # A call put together of a stream's pieces, sent back.
            "chat.chat_completion_chunk:ChoiceDeltaToolCall",
        ),
    ],
    "generation.CalledFunction": _openai(f"{_TOOL_CALL}:Function"),
    "generation.ToolParam": [
        *_openai("chat.chat_completion_function_tool_param:ChatCompletionFunctionToolParam"),
        *_vllm(f"{_CHAT}:ChatCompletionToolsParam"),
    ],
    "generation.FunctionDefinition": [
        *_openai("shared_params:FunctionDefinition"),
        *_vllm("entrypoints.generate.base.protocol:FunctionDefinition"),
    ],
    "generation.NamedToolChoice": _openai(
        "chat.chat_completion_named_tool_choice_param:ChatCompletionNamedToolChoiceParam"
    ),
    "generation.FunctionName": _openai("chat.chat_completion_named_tool_choice_param:Function"),
    "responses.FunctionTool": _openai("responses:FunctionToolParam"),
    "responses.FunctionChoice": _openai("responses:ToolChoiceFunctionParam"),
    "responses.SchemaFormat": _openai("responses:ResponseFormatTextJSONSchemaConfigParam"),
    "responses.TextConfig": _openai("responses:ResponseTextConfigParam"),
    "responses.Reasoning": _openai("shared_params:Reasoning"),
    "responses.InputTextPart": _openai("responses:ResponseInputTextParam"),
    "responses.OutputTextPart": _openai("responses:ResponseOutputTextParam"),
    "responses.ImagePart": _openai("responses:ResponseInputImageParam"),
    "responses.FilePart": _openai("responses:ResponseInputFileParam"),
    "responses.AudioPart": _openai("responses:ResponseInputAudioParam"),
    "responses.MessageItem": _openai(
        f"{_INPUT}:Message",
        "responses:EasyInputMessageParam",
        "responses:ResponseOutputMessageParam",
    ),
    "responses.Thought": _openai(f"{_REASONING}:Summary", f"{_REASONING}:Content"),
    "responses.ReasoningItem": _openai("responses:ResponseReasoningItemParam"),
    "responses.CallItem": _openai("responses:ResponseFunctionToolCallParam"),
    "responses.CallOutputItem": _openai(f"{_INPUT}:FunctionCallOutput"),
    "responses.ReferenceItem": _openai(f"{_INPUT}:ItemReference"),
}
