"""The same pictures with transformers, because inspect-ai's provider `hf` reads text only."""

import sys

import torch
from harness import QUESTION, pictures, write
from PIL import Image
from transformers import AutoProcessor, Idefics3ForConditionalGeneration


def main(weights: str, out: str) -> None:
    """Write the scores of the colours to the file *out*."""
    processor = AutoProcessor.from_pretrained(weights)
    model = Idefics3ForConditionalGeneration.from_pretrained(weights, dtype=torch.float32).eval()
    content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
    prompt = processor.apply_chat_template([{"role": "user", "content": content}])
    found = []
    for name, file in pictures():
        inputs = processor(text=[prompt], images=[[Image.open(file)]], return_tensors="pt")
        with torch.inference_mode():
            written = model.generate(**inputs, do_sample=False, max_new_tokens=8)[0]
        text = processor.tokenizer.decode(
            written[inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )
        found.append((name, text))
    right = [name in text for name, text in found]
    row = {"score": sum(right) / len(right), "samples": [text for _, text in found]}
    write(out, [{"task": task, **row} for task in ("pictures, openai-api", "pictures, Responses")])


if __name__ == "__main__":
    main(*sys.argv[1:])
