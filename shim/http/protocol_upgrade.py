"""A client's offer of another protocol, which is declined: RFC 9110, 7.8."""

_OFFER = (b"upgrade", b"http2-settings")
"""Headers, and options of `Connection`, by which a client offers another protocol."""


def without_offer(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return *headers*, whose names are in lower case, without the offer of another protocol."""
    kept = []
    for name, value in headers:
        if name == b"connection":
            options = (option.strip() for option in value.split(b","))
            kept += [(name, option) for option in options if option.lower() not in _OFFER]
        elif name not in _OFFER:
            kept.append((name, value))
    return kept
