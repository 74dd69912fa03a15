"""What can go wrong while something is pulled; each message is one line for a person."""


class PullFailed(Exception):
    """An entry that was not pulled; the message has its name and the reason."""


class NotReachable(PullFailed):
    """A server that does not answer, or not with the file."""


class WrongHash(PullFailed):
    """A file whose bytes are not the pinned ones; it has been deleted."""
