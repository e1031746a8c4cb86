"""Network: a server's URL → how to reach it: by which proxy, trusting which certificates.

The clients (httpx, and ollama, openai and qdrant-client above it) read the environment themselves,
and break on a proxy that is not even for the server they are asked to reach. Here it is read once,
for one URL.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from app.model.errors import ServiceUnavailableError
from app.model.settings import is_loopback

PROXIED = ("http", "https", "socks5", "socks5h")
"""What a proxy's URL may begin with, for httpx."""

NOT_READ_AT_IMPORT = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("ssl_cert_file", "ssl_cert_dir", "ollama_host"),
)
"""Variables that ollama 0.6 reads while it is imported, for a client that is never used."""

_importing = Lock()


def connection_options(url: str) -> dict[str, Any]:
    """Return what an httpx client needs to reach a server as the environment says.

    Nothing of the environment counts for loopback. Raises ServiceUnavailableError, which names the
    variable, for a proxy or certificates that cannot be used.
    """
    options: dict[str, Any] = {"trust_env": False}
    if is_loopback(url):
        return options
    if proxy := _proxy(url):
        options["proxy"] = proxy
    if urlsplit(url).scheme == "https" or proxy.startswith("https:"):
        options["verify"] = _certificates()
    return options


def import_quietly(name: str) -> Any:  # noqa: ANN401 - a module
    """Import a module that makes an httpx client as it is imported, whatever the environment."""
    with _importing, _without(NOT_READ_AT_IMPORT):
        return import_module(name)


def refuse_unusable(url: str) -> None:
    """Raise ServiceUnavailableError where the environment keeps a library from making a client.

    Such a client reads every proxy there is, and not only the one that counts for this URL.
    """
    for scheme, proxy in getproxies().items():
        if scheme in ("http", "https", "all"):
            _check_proxy(scheme, _with_scheme(proxy), "")
    if urlsplit(url).scheme == "https":
        _certificates()


def _proxy(url: str) -> str:
    """Return the proxy that counts for a URL, or nothing."""
    parts = urlsplit(url)
    proxies = getproxies()
    scheme = parts.scheme if proxies.get(parts.scheme) else "all"
    proxy = _with_scheme(proxies.get(scheme, ""))
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    _check_proxy(scheme, proxy, f", or name {parts.hostname} in NO_PROXY")
    return proxy


def _with_scheme(proxy: str) -> str:
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _check_proxy(scheme: str, proxy: str, otherwise: str) -> None:
    """Raise ServiceUnavailableError for a proxy that no client can use."""
    name = f"{scheme}_proxy"
    variable = next((each for each in (name, name.upper()) if os.environ.get(each)), name.upper())
    try:
        parts = urlsplit(proxy)
        host, _ = parts.hostname, parts.port
    except ValueError:  # a port of letters, half an IPv6 address
        parts, host = urlsplit(""), None
    if parts.scheme not in PROXIED or not host:
        raise ServiceUnavailableError(
            f"{variable} is not the URL of a proxy, such as http://proxy.example:3128."
            f" Correct or unset it{otherwise}"
        )
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ServiceUnavailableError(
            f"{variable} names a SOCKS proxy ({parts.scheme}://{host}), which needs a package that"
            f" is not installed. Run `pip install 'httpx[socks]'`, unset it{otherwise}"
        )


def _certificates() -> ssl.SSLContext:
    import httpx

    try:
        return httpx.create_ssl_context()
    except OSError as error:  # a file that is not there, or that holds no certificate
        variable = "SSL_CERT_FILE" if os.environ.get("SSL_CERT_FILE") else "SSL_CERT_DIR"
        raise ServiceUnavailableError(
            f"the certificates that {variable} names cannot be read"
            f" ({os.environ.get(variable, '')}). Correct or unset {variable}"
        ) from error


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Take variables out of the environment, in lower and upper case, while the block runs."""
    found = {each: os.environ.pop(each) for each in list(os.environ) if each.lower() in names}
    try:
        yield
    finally:
        os.environ.update(found)
