"""Send damaged requests to a server: `python -m tests.fuzz.transcription --cases 5000 --seed 1`.

No answer may be a 5xx, none may take longer than a minute, every refusal has OpenAI's shape, and
the server is alive in the end.
"""

import argparse
import asyncio
import sys
from collections import Counter

import httpx

from tests.live import LiveServer, serving

from .cases import Case, cases

AT_ONCE = 16
SECONDS = 60.0
KEYS = {"message", "type", "param", "code"}


async def fuzz(server: LiveServer, *, seed: int, count: int) -> tuple[Counter[int], list[str]]:
    """Send *count* cases; return how many had which status, and what was wrong."""
    seen: Counter[int] = Counter()
    wrong: list[str] = []
    waiting = cases(seed, count)

    async def worker(http: httpx.AsyncClient) -> None:
        for case in waiting:
            status, fault = await _sent(http, case)
            seen[status] += 1
            if fault:
                wrong.append(f"{fault}: {case}")

    async with httpx.AsyncClient(base_url=server.url, timeout=SECONDS) as http:
        await asyncio.gather(*(worker(http) for _ in range(AT_ONCE)))
        alive = (await http.get("/health")).status_code
    if alive != httpx.codes.OK:
        wrong.append(f"/health: {alive}")
    return seen, wrong


async def _sent(http: httpx.AsyncClient, case: Case) -> tuple[int, str | None]:
    try:
        answer = await http.post(case.route, content=case.content, headers=case.headers)
    except httpx.HTTPError as error:
        return 0, repr(error)
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return answer.status_code, answer.text
    if answer.status_code >= httpx.codes.BAD_REQUEST and answer.json()["error"].keys() != KEYS:
        return answer.status_code, f"no error of OpenAI's: {answer.text}"
    return answer.status_code, None


def main() -> None:
    """Run it, and print what was seen."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cases", type=int, default=5000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    with serving() as server:
        seen, wrong = asyncio.run(fuzz(server, seed=given.seed, count=given.cases))
    print("\n".join(wrong))  # noqa: T201
    print(dict(sorted(seen.items())), f"{len(wrong)} wrong")  # noqa: T201
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
