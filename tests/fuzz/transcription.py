"""Send damaged recordings to a server: `python -m tests.fuzz.transcription --cases 5000 --seed 1`.

No answer may be a 5xx, none may take longer than a minute, every refusal has OpenAI's shape, and
the server is alive in the end.
"""

from tests.fuzz.recordings import cases
from tests.fuzz.sending import run
from tests.live import serving

if __name__ == "__main__":
    run(cases, serving())
