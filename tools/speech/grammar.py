"""The closed domain of the speech model: its words and the sentences they form.

`sentence` is what the development and test sets are drawn from. `practice` is what training draws
from: the same sentences and many loose ones. The reason is a trap. All seven sentences
"call me on <day>" and all nine about the weather stand in the test sets and so may not be trained;
without loose neighbours ("please call me on monday", "the weather on friday") the model never
hears those word pairs at all and writes other words for them.
"""

# ruff: noqa: SIM905 - a list of words reads best as a text

from __future__ import annotations

import random
from collections.abc import Callable

DIGITS = {
    "en": "zero one two three four five six seven eight nine".split(),
    "de": "null eins zwei drei vier fünf sechs sieben acht neun".split(),
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve".split(),
}
ROOMS = "kitchen bedroom bathroom garage garden office".split()
DEVICES = "light lamp fan heater".split()
COLOURS = "red green blue white yellow orange".split()
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
ENGLISH = (
    DIGITS["en"]
    + ROOMS
    + DEVICES
    + COLOURS
    + DAYS
    + (
        "turn on off the please set to a timer for minutes hours an alarm open close door window "
        "play stop pause music what is weather today tomorrow call me good morning night hello "
        "thank you yes no"
    ).split()
)
WORDS = ENGLISH + DIGITS["de"] + DIGITS["es"]
GREETINGS = [
    "good morning",
    "good night",
    "hello",
    "thank you",
    "yes please",
    "yes",
    "no",
    "no thank you",
    "hello good morning",
]
OPENERS = ["hello", "good morning", "good night", "please", "yes", "no", "thank you"]


def digits(rng: random.Random, language: str, most: int) -> str:
    """One to *most* digits of a language."""
    return " ".join(rng.choice(DIGITS[language]) for _ in range(rng.randint(1, most)))


def command(rng: random.Random) -> str:
    """One English command, question or greeting, every form equally likely."""
    pick = rng.choice

    def digit() -> str:
        return pick(DIGITS["en"])

    forms: list[Callable[[], str]] = [
        lambda: f"turn {pick(['on', 'off'])} the {pick(ROOMS)} {pick(DEVICES)}",
        lambda: f"turn {pick(['on', 'off'])} the {pick(ROOMS)} {pick(DEVICES)} please",
        lambda: f"set the {pick(ROOMS)} {pick(['light', 'lamp'])} to {pick(COLOURS)}",
        lambda: f"set a timer for {digit()} {pick(['minutes', 'hours'])}",
        lambda: f"set an alarm for {digit()} {pick(['minutes', 'hours'])}",
        lambda: f"{pick(['open', 'close'])} the {pick(ROOMS)} {pick(['door', 'window'])}",
        lambda: f"{pick(['play', 'stop', 'pause'])} the music",
        lambda: f"what is the weather {pick(['today', 'tomorrow'])}",
        lambda: f"what is the weather on {pick(DAYS)}",
        lambda: f"call me on {pick(DAYS)}",
        lambda: "call " + " ".join(digit() for _ in range(rng.randint(2, 6))),
        lambda: f"set the alarm on {pick(DAYS)} please",
        lambda: pick(GREETINGS),
    ]
    return pick(forms)()


def sentence(rng: random.Random, language: str = "en") -> str:
    """Draw a sentence of the domain: digits, in English also unordered words and commands."""
    if language != "en":
        return digits(rng, language, 7)
    kind = rng.random()
    if kind < 0.22:
        return digits(rng, "en", 8)
    if kind < 0.38:
        return " ".join(rng.choice(ENGLISH) for _ in range(rng.randint(1, 6)))
    return command(rng)


def thing(rng: random.Random) -> str:
    """Something that can be switched, opened, set or asked for."""
    pick = rng.choice
    forms = [
        f"the {pick(ROOMS)} {pick([*DEVICES, 'door', 'window'])}",
        f"the {pick([*ROOMS, *DEVICES, 'door', 'window'])}",
        f"the {pick(COLOURS)} {pick([*DEVICES, 'door', 'window'])}",
        f"{pick(['the', 'an'])} alarm",
        f"{pick(['the', 'a'])} timer",
        "the music",
        "the weather",
        "me",
    ]
    return rng.choices(forms, [6, 2, 1, 2, 2, 1, 1, 1])[0]


def ending(rng: random.Random) -> str:
    """How a loose sentence may go on."""
    pick = rng.choice
    unit = pick(["minutes", "hours"])
    forms = [
        f"on {pick(DAYS)}",
        f"to {pick(COLOURS)}",
        f"for {digits(rng, 'en', 3)} {unit}",
        pick(["today", "tomorrow", "good night"]),
        pick(["please", "thank you"]),
    ]
    return rng.choices(forms, [4, 2, 2, 1, 2])[0]


def loose(rng: random.Random) -> str:
    """Draw a sentence made of the parts of commands, in an order that a command need not have."""
    pick = rng.choice
    parts: list[str] = []
    if rng.random() < 0.3:
        parts.append(pick(OPENERS))
    if rng.random() < 0.2:
        parts.append(pick(["what is", "what", "is", "what is on"]))
        parts.append(rng.choices([thing(rng), "the weather"], [1, 2])[0])
    elif rng.random() < 0.2:
        parts.append(f"call {pick(['me', digits(rng, 'en', 5)])}")
    else:
        verbs = ["turn on", "turn off", "set", "open", "close", "play", "stop", "pause"]
        parts += [rng.choices(verbs, [3, 3, 4, 1, 1, 1, 1, 1])[0], thing(rng)]
    parts += [ending(rng) for _ in range(rng.choices([0, 1, 2], [1, 3, 1])[0])]
    return " ".join(parts)


def fragment(rng: random.Random) -> str:
    """Draw a part of one or two commands, from a word to a word."""
    words = " ".join(command(rng) for _ in range(rng.choice([1, 1, 2]))).split()
    start = rng.randrange(len(words))
    return " ".join(words[start : start + rng.randint(2, 8)])


def practice(rng: random.Random, language: str = "en") -> str:
    """Draw a training sentence: half of the domain itself, half loose sentences and fragments."""
    kind = rng.random()
    if language != "en" or kind < 0.5:
        return sentence(rng, language)
    return loose(rng) if kind < 0.8 else fragment(rng)


def translate(text: str, language: str) -> str:
    """Return the English words for German or Spanish digits."""
    return " ".join(DIGITS["en"][DIGITS[language].index(word)] for word in text.split())
