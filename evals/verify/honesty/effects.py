"""Whether a parameter was honoured or refused."""

from evals.verify.reply import Reply
from evals.verify.verdict import Findings


def honest(found: Findings, reply: Reply) -> bool:
    """Return whether *reply* is an answer, whose effect is compared; a refusal is honest too.

    Raises Breach for a failure of the server.
    """
    if reply.refused:
        found.compared += 1
        found.notes.append(f"refused with {reply.reason}")
        return False
    reply.body()
    return True
