"""What a server and its children hold in memory, as Linux counts it."""

from pathlib import Path


def tree(pid: int) -> list[int]:
    """Return *pid* and all below it that are alive."""
    found = [pid]
    for parent in found:
        for listed in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, _read(listed).split())
    return found


def megabytes(pid: int, what: str = "VmRSS") -> float:
    """Return the sum of *what* (`VmHWM`: at its highest) of the tree; in MB of 10^6 bytes."""
    return sum(_field(process, f"{what}:") for process in tree(pid)) / 1e6


def forget_peaks(pid: int) -> None:
    """Let every `VmHWM` of the tree begin anew from what is held now."""
    for process in tree(pid):
        Path(f"/proc/{process}/clear_refs").write_text("5")


def _field(pid: int, name: str) -> int:
    lines = _read(Path(f"/proc/{pid}/status")).splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return ""
