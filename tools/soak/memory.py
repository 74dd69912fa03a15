"""What a process holds in memory, as Linux tells it."""

from pathlib import Path


def megabytes(pid: int, what: str = "VmRSS") -> float:
    """Return *what* of the process: `VmRSS` now, `VmHWM` at its highest; in MB of 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(f"process {pid} has no {what}")


def forget_peak(pid: int) -> None:
    """Let `VmHWM` begin anew from what is held now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
