"""What a night's results and logs say: samples, computations, attempts."""

import json
from collections import Counter
from dataclasses import dataclass

from .night import Outcome
from .samples import Sample
from .servers import Life, Server


@dataclass(frozen=True)
class Counts:
    """Numbers of samples and computations, each of which the table shows."""

    samples: int
    right: int
    wrong: int
    failed: int
    begun: int
    ended: int
    lost: int
    """Computations that began on a server which was killed or hung, and did not end."""
    late: int
    """Computations that ended on such a server, of samples that another one answered too."""
    left: int
    """Computations that did not end although nothing was done to their server."""
    uncalled: int
    """Samples computed more often than once and once more for each lost computation."""

    def is_whole(self, samples: int) -> bool:
        """Return whether all *samples* were answered right, and nothing was computed in vain."""
        return self.right == self.samples == samples and not self.uncalled and not self.left


def counts(outcome: Outcome) -> Counts:
    """Count what *outcome* has left."""
    lives = [life for server in outcome.behind for life in server.lives]
    begun, ended, spoiled, late = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    left = 0
    for life in lives:
        b, e = _computations(life)
        begun += b
        ended += e
        if life.faults:
            spoiled += b - e
            late += e
        else:
            left += (b - e).total()
    digests = [Sample(number).digest for number in range(outcome.plan.samples)]
    doubled = {each: ended[each] - 1 for each in digests if ended[each] > 1}
    results = outcome.results
    return Counts(
        samples=len({result.number for result in results}),
        right=sum(result.right for result in results),
        wrong=sum(not result.right and not result.error for result in results),
        failed=sum(bool(result.error) for result in results),
        begun=begun.total(),
        ended=ended.total(),
        lost=spoiled.total(),
        late=sum(min(more, late[each]) for each, more in doubled.items()),
        left=left,
        uncalled=sum(
            begun[each] > 1 + spoiled[each] + min(doubled.get(each, 0), late[each])
            for each in digests
        ),
    )


def _computations(life: Life) -> tuple[Counter[str], Counter[str]]:
    events = life.events()
    began = Counter(digest for event, digest in events if event == "begin")
    return began, Counter(digest for event, digest in events if event == "end")


@dataclass(frozen=True)
class Logged:
    """What the front's log says."""

    requests: int
    statuses: dict[int, int]
    attempts: int
    """Requests that the front sent to the servers behind it."""
    joined: int
    by_upstream: dict[str, int]
    """Requests that each server behind has answered."""
    events: list[str]
    """Warnings: servers that are out, and that answer again."""


def logged(front: Server) -> Logged:
    """Read the log of *front*."""
    lines = [json.loads(line) for line in front.log.read_text().splitlines() if line[:1] == "{"]
    requests = [line for line in lines if line["logger"] == "shim.requests" and "route" in line]
    warnings = [line for line in lines if line["level"] not in ("info", "debug")]
    return Logged(
        requests=len(requests),
        statuses=dict(Counter(line["status"] for line in requests).most_common()),
        attempts=sum(line.get("attempts", 0) for line in requests),
        joined=sum(line.get("joined", False) for line in requests),
        by_upstream=dict(Counter(line["upstream"] for line in requests if "upstream" in line)),
        events=[f"{line['time'][11:19]} {line['message']}" for line in warnings],
    )
