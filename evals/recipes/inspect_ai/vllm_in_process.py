"""The same questions and the same tool with transformers.

Not by inspect-ai's provider `hf`: it renders calls in a form of its own, which the chat template
does not know.
"""

import json
import re
import sys
from pathlib import Path

from harness import MAX_TOKENS, WEATHER, write

from tests.weights import Weights

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = re.compile(r"<tool_call>\n(.*)\n</tool_call>")


def asked(model: Weights, city: str) -> tuple[list[str], str]:
    """Return the calls and their results, and the last text."""
    messages = [{"role": "user", "content": f"What is the weather in {city}?"}]
    text = model.reply(messages, max_tokens=2 * MAX_TOKENS, tools=[TOOL])
    if not (found := CALL.search(text)):
        return [], text
    call = json.loads(found[1])
    result = WEATHER[call["arguments"]["city"]]
    messages += [
        {"role": "assistant", "tool_calls": [{"type": "function", "function": call}]},
        {"role": "tool", "content": result},
    ]
    calls = [f"{call['name']} {json.dumps(call['arguments'])}", result]
    return calls, model.reply(messages, max_tokens=2 * MAX_TOKENS, tools=[TOOL])


def main(weights: str, out: str) -> None:
    """Write the scores of the questions for the weather to the file *out*."""
    model = Weights(Path(weights))
    found = [asked(model, city) for city in WEATHER]
    right = [result in text for result, (_, text) in zip(WEATHER.values(), found, strict=True)]
    row = {"score": sum(right) / len(right), "samples": [[*calls, text] for calls, text in found]}
    write(out, [{"task": task, **row} for task in ("tools, openai-api", "tools, Responses")])


if __name__ == "__main__":
    main(*sys.argv[1:])
