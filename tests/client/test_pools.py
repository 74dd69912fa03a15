"""Clients that use a connection again at the moment at which their own pool would close it."""

from tools.attack import pools


async def test_no_request_is_cut() -> None:
    """A POST that comes 4.9 to 5.1 s after the last one on its connection is answered."""
    assert await pools.table(pools.QUICK) == 0
