"""Removes a client's offer of another protocol from its headers (RFC 9110, 7.8)."""

_OFFER = (b"upgrade", b"http2-settings")
"""Headers, and options of the header `Connection`, that offer another protocol."""


def without_offer(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return *headers* without an offer of another protocol; their names are in lower case."""
    kept = []
    for name, value in headers:
        if name == b"connection":
            options = (option.strip() for option in value.split(b","))
            kept += [(name, option) for option in options if option.lower() not in _OFFER]
        elif name not in _OFFER:
            kept.append((name, value))
    return kept
