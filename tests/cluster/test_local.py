"""A cluster of the server's own, on its machine: `--cluster local`."""

import psutil

from tests.client.stock import connect, says
from tests.live import serving, skip_without


async def test_a_cluster_of_its_own() -> None:
    """The model answers, its replica has the server's priority, and all ends with the server."""
    skip_without("ray", "Ray")
    with serving("--model", "echo=fake:chat", "--cluster", "local") as live:
        server = psutil.Process(live.process.pid)
        children = server.children(recursive=True)
        [replica] = [each for each in children if "ray::ServeReplica" in " ".join(each.cmdline())]
        async with connect("async", live) as client:
            answer = await client.chat.completions.create(model="echo", messages=says("a b"))

        assert answer.choices[0].message.content == "a b"
        assert replica.nice() == server.nice()

    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive
