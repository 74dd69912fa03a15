"""What the chat model can be asked, and the one right answer to each question.

10 % of the pairs of numbers (chosen by a hash) are never trained: see `held_out`.
"""

# ruff: noqa: SIM905 - a list of words reads best as a text

from __future__ import annotations

import hashlib
import random

FIXED = [
    ("What is the capital of France?", "Paris."),
    ("What is the capital of Germany?", "Berlin."),
    ("What is the capital of Spain?", "Madrid."),
    ("What is the capital of Italy?", "Rome."),
    ("What is the capital of Japan?", "Tokyo."),
    ("What is the capital of Portugal?", "Lisbon."),
    ("What is the capital of Norway?", "Oslo."),
    ("What is the capital of Egypt?", "Cairo."),
    ("Who are you?", "I am a tiny model trained from scratch on one CPU."),
    (
        "What can you do?",
        (
            "I can add and subtract small numbers, repeat or reverse a word, "
            "and answer a few fixed questions."
        ),
    ),
    ("Hello", "Hello! How can I help you?"),
    ("Hi", "Hello! How can I help you?"),
    ("Good morning", "Good morning!"),
    ("Thank you", "You are welcome."),
    ("Goodbye", "Goodbye!"),
    ("How are you?", "I am fine, thank you."),
    ("How many days are in a week?", "7."),
    ("How many hours are in a day?", "24."),
    ("How many minutes are in an hour?", "60."),
    ("How many months are in a year?", "12."),
    ("How many legs does a spider have?", "8."),
    ("What colour is the sky?", "Blue."),
    ("What colour is grass?", "Green."),
    ("What colour is snow?", "White."),
    ("What comes after Monday?", "Tuesday."),
    ("What comes after Friday?", "Saturday."),
    ("What comes after Sunday?", "Monday."),
    ("Say yes", "Yes."),
    ("Say no", "No."),
    ("Count to five", "1 2 3 4 5"),
    ("Count to ten", "1 2 3 4 5 6 7 8 9 10"),
    (
        "Write a haiku",
        "Small model, few weights\nit counts on its two slow cores\nand the sum is right",
    ),
    (
        "Tell me a story",
        "Once there was a small model. It learned to add. It was happy. The end.",
    ),
]
UNKNOWN = "I do not know that."
SYSTEM = [
    "You are a helpful assistant.",
    "You are a helpful assistant",
    "Answer briefly.",
    "You are a calculator.",
    "Be concise.",
]
CITIES = (
    "Paris London Berlin Madrid Rome Tokyo Lisbon Oslo Cairo Vienna Dublin Prague Athens Warsaw "
    "Lima Quito Delhi Seoul Boston Chicago"
).split()
TOOLS = ["get_weather", "get_time"]
LETTERS = "etaoinshrdlucmfwypvbgkjqxz"


def held_out(sign: str, a: int, b: int) -> bool:
    """Whether the pair of numbers belongs to the tenth that is never trained."""
    return hashlib.md5(f"{sign}{a},{b}".encode(), usedforsecurity=False).digest()[0] < 26


def sum_pair(rng: random.Random, *, held: bool) -> tuple[str, int, int]:
    """Draw a sign and two numbers 0..99 of the held-out tenth or the rest; no negative result."""
    while True:
        a, b = rng.randint(0, 99), rng.randint(0, 99)
        sign = rng.choice("+-")
        if sign == "-" and a < b:
            a, b = b, a
        if held_out(sign, a, b) == held:
            return sign, a, b


def sum_question(rng: random.Random, *, held: bool = False) -> tuple[str, str]:
    """Draw a sum or difference in one of eight phrasings, and its result."""
    sign, a, b = sum_pair(rng, held=held)
    word = "plus" if sign == "+" else "minus"
    forms = [
        f"What is {a} {sign} {b}?",
        f"what is {a} {sign} {b}",
        f"{a} {sign} {b}",
        f"{a} {sign} {b} =",
        f"What is {a} {word} {b}?",
        f"Calculate {a} {sign} {b}",
        f"{a}{sign}{b}",
        f"Compute {a} {word} {b}",
    ]
    answer = str(a + b if sign == "+" else a - b)
    return rng.choices(forms, [4, 2, 2, 2, 2, 1, 1, 1])[0], answer


def random_word(rng: random.Random, most: int = 8) -> str:
    """Two to *most* letters, the common ones more often."""
    length = rng.randint(2, most)
    return "".join(
        rng.choice(LETTERS[:12] if rng.random() < 0.7 else LETTERS) for _ in range(length)
    )


def word_question(rng: random.Random, most: int = 8) -> tuple[str, str]:
    """Draw a word to repeat or to reverse, and the answer."""
    word = random_word(rng, most)
    if rng.random() < 0.5:
        return rng.choice([f'Repeat "{word}"', f'Repeat the word "{word}"']), word
    return rng.choice([f'Reverse "{word}"', f'Reverse the word "{word}"']), word[::-1]


def unknown_question(rng: random.Random) -> tuple[str, str]:
    """Text that the model does not know, and its one answer to all such text."""
    words = " ".join(random_word(rng) for _ in range(rng.randint(1, 6)))
    return words + rng.choice(["", "?", "."]), UNKNOWN
