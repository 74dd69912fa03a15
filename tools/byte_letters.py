"""The printable letter that stands for each byte in a byte-level vocabulary (GPT-2's table)."""


def byte_letters() -> dict[int, str]:
    """Return a letter for each of the 256 bytes: itself if it prints, else one from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in printable}
    others = [byte for byte in range(256) if byte not in letters]
    return letters | {byte: chr(256 + place) for place, byte in enumerate(others)}


def prefixes(vocabulary: dict[str, int], merges: list[tuple[str, str]], word: str) -> None:
    """Make *word* (in byte letters) one token: add each of its prefixes, built left to right."""
    prefix = word[0]
    for letter in word[1:]:
        if prefix + letter not in vocabulary:
            vocabulary[prefix + letter] = len(vocabulary)
            merges.append((prefix, letter))
        prefix += letter
