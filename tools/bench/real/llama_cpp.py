"""llama.cpp's own HTTP server, as the package xllamacpp contains it.

python -m tools.bench.real.llama_cpp FILE --threads 2 --slots 8 --port 8000
"""

import argparse
import signal

from xllamacpp import CommonParams, Server

CONTEXT = 512
"""Tokens of each slot."""


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--slots", type=int, required=True, help="requests computed at once")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    params = CommonParams()
    params.model.path = given.model
    params.hostnames, params.port = ["127.0.0.1"], given.port
    params.n_parallel, params.n_ctx = given.slots, given.slots * CONTEXT
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = given.threads
    params.use_jinja = True  # the model's own chat template
    params.cache_prompt = False  # the same prompts come again, and nobody else remembers them
    server = Server(params)
    print(server.listening_address, flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
