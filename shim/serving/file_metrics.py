"""Metrics of the files that clients have stored."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge


class FileMetrics:
    """The metrics of files; they are 0 on a server that stores none."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._files = Gauge(
            "shim_files",
            "Files that are stored: those that clients have sent, and results of batches.",
            registry=registry,
        )
        self._bytes = Gauge(
            "shim_file_bytes",
            "Bytes of all stored files, each counted as at least 4,096: an upload beyond "
            "`max_bytes` is refused.",
            registry=registry,
        )

    def watch(self, files: Callable[[], float], size: Callable[[], float]) -> None:
        """Read the numbers of files and of bytes each time the metrics are scraped."""
        self._files.set_function(files)
        self._bytes.set_function(size)
