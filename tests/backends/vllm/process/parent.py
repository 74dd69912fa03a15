"""A server of one model, run as a script and to be killed: prints `ready`, then stays."""

import asyncio
import sys

from backends.config import VllmModelConfig
from backends.registry import adapter


async def main(source: str) -> None:
    """Open the model at *source* and keep it."""
    options = {"enforce_eager": True, "max_num_seqs": 4, "kv_cache_memory_bytes": 1 << 26}
    async with adapter(VllmModelConfig(id="kept", source=source, options=options)):
        print("ready", flush=True)  # noqa: T201 - the test waits for it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
