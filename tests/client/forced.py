"""Making a small model write what a large one would: by vLLM's structured outputs."""

from typing import Any

WEATHER: dict[str, Any] = {
    "name": "weather",
    "description": "Tells the weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Rome", "Oslo"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
TOOLS = [{"type": "function", "function": {**WEATHER, "strict": True}}]

CALL = r'<tool_call>\n\{"name": "weather", "arguments": \{"city": "(Rome|Oslo)"\}\}\n</tool_call>'
"""A call in the form of Hermes."""

QUESTION = [{"role": "user", "content": "What is 3 plus 4?"}]


def forced(pattern: str, **body: Any) -> dict[str, Any]:
    """Return a request whose greedy answer is of *pattern*, a regular expression."""
    return {
        "model": "gpt-4o-mini",
        "messages": QUESTION,
        "temperature": 0,
        "max_tokens": 160,
        **body,
        "extra_body": {"structured_outputs": {"regex": pattern}},
    }
