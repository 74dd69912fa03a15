"""Finds a package's file on the index that pip uses.

pip itself is not used: it may not be installed, it runs the build code of source archives, and it
does not go on with an interrupted download.
"""

import configparser
import os
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx
import msgspec

from .download import reason, server
from .entries import Package
from .failures import NotReachable

_JSON = "application/vnd.pypi.simple.v1+json"
"""The media type of PEP 691."""


class _File(msgspec.Struct):
    filename: str
    url: str


class _Project(msgspec.Struct):
    files: list[_File]


def index_url() -> str:
    """Return the address of the index, from pip's or uv's variables or pip's configuration.

    The last resort is pip's own default. Raises NotReachable if pip is not installed either.
    """
    for variable in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if url := os.environ.get(variable):
            return url.rsplit("=", 1)[-1] if variable == "UV_DEFAULT_INDEX" else url
    return _configured("index-url") or _default()


def _default() -> str:
    try:
        from pip._internal.models.index import PyPI
    except ImportError as error:
        raise NotReachable(
            "which package index to use is not known without pip: set PIP_INDEX_URL"
        ) from error
    return str(PyPI.simple_url)


def certificates() -> str | None:
    """Return the file of certificates that pip is configured with; None if it is not."""
    return os.environ.get("PIP_CERT") or _configured("cert")


def _configured(key: str) -> str | None:
    """Return the value of *key* in pip's configuration files; the most specific file wins."""
    for file in _configuration_files():
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip reports its own files
        for section in ("download", "install", "global"):
            if value := parser.get(section, key, fallback=None):
                return value
    return None


def _configuration_files() -> Iterator[Path]:
    """Yield the places of pip's configuration on Linux, the most specific one first."""
    home = Path.home()
    base = os.environ.get("XDG_CONFIG_HOME") or str(home / ".config")
    if own := os.environ.get("PIP_CONFIG_FILE"):
        yield Path(own)
    yield Path(sys.prefix) / "pip.conf"
    yield Path(base) / "pip" / "pip.conf"
    yield home / ".pip" / "pip.conf"
    for folder in (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")


def find(client: httpx.Client, package: Package) -> str:
    """Return the address of the file of *package*. Raises NotReachable."""
    page = f"{index_url().rstrip('/')}/{package.name}/"
    try:
        response = client.get(page, headers={"Accept": f"{_JSON}, text/html;q=0.5"})
        response.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = reason(error) if isinstance(error, httpx.HTTPError) else str(error)
        raise NotReachable(f"the package index {server(page)} does not answer: {why}") from error
    for url, file in _files(response):
        if file == package.file:
            return urljoin(str(response.url), url)
    raise NotReachable(f"the package index {server(page)} does not have {package.file}")


def _files(response: httpx.Response) -> Iterator[tuple[str, str]]:
    """Yield the address, which may be relative, and the name of each file of a project's page."""
    if "json" in response.headers.get("content-type", ""):
        project = msgspec.json.decode(response.content, type=_Project)
        yield from ((file.url, file.filename) for file in project.files)
    else:
        links = _Links()
        links.feed(response.text)
        for link in links.found:
            url = urldefrag(link).url  # the fragment is the file's hash
            yield url, urlsplit(url).path.rsplit("/", 1)[-1]


class _Links(HTMLParser):
    """Collects the addresses of a page's links (PEP 503)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.extend(value for name, value in attrs if name == "href" and value)
