"""Download files over encrypted connections, with a size limit and resume. Only `models install` uses this module."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy

from voice_helper.errors import ModelInstallError

Progress = Callable[[int, int | None], None]
"""The type of a progress function. It receives the number of bytes downloaded so far, and the total if it is known."""

_BLOCK_BYTES: Final = 1 << 16
_CONNECT_SECONDS, _STALL_SECONDS = 10.0, 20.0
_TRIES: Final = 4  # consecutive failures without new data
_WAIT_SECONDS: Final = 0.5  # before a retry; doubled each time
_WEB_PAGE: Final = (b"<!doctype html", b"<html")
_AGAIN: Final = "run the same command again: it resumes the download"
_OFFLINE: Final = "check the network; without one, import the model from a USB stick: voice-helper models import FILE"
_PROXY: Final = "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY, such as http://proxy.example:3128"
_ELSEWHERE: Final = "check whether it has moved, or use another address with --mirror"


class _BegunAnewError(requests.exceptions.ConnectionError):
    """The partial file does not belong to the server's current version of the file, so the download restarts from the
    beginning.
    """


def check_address(url: str, *, is_mirror: bool = False) -> None:
    """Raise `ModelInstallError` if the address is invalid, contains credentials or is not encrypted.

    Unencrypted addresses are allowed for mirrors and for this machine.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if not parts.hostname or parts.scheme not in {"https", "http"}:
        raise ModelInstallError(f'"{url}" is not a valid address', hint="use one that begins with https://")
    if "@" in parts.netloc:
        raise ModelInstallError(
            f"the address of {parts.hostname} has a user or a password in it", hint="put them in ~/.netrc instead"
        )
    if parts.scheme == "http" and not is_mirror and not _is_loopback(parts.hostname):
        raise ModelInstallError(
            f"{url} is not downloaded: the connection would not be encrypted",
            hint="use an address that begins with https://",
        )


def _check_proxy(url: str) -> None:
    chosen = select_proxy(url, get_environ_proxies(url))
    if chosen is None:
        return
    try:
        parts = urlsplit(chosen if "://" in chosen else f"http://{chosen}")
        is_valid = (
            parts.scheme in {"http", "https"} and re.fullmatch(r"[^\s]+", parts.hostname or "") and parts.port != 0
        )
    except ValueError:
        is_valid = None
    if not is_valid:
        raise ModelInstallError(f'the proxy "{_proxy(url)}" is not a valid address', hint=_PROXY)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def fetch(url: str, part: Path, *, max_bytes: int, progress: Progress) -> None:
    """Download a URL into a file. If part of the file exists, only the rest is requested.

    Raises `ModelInstallError` with the cause, or `OSError` if the file cannot be written. The data received so far
    stays in the file for the next attempt.
    """
    _check_proxy(url)
    failed, most = 0, _size(part)
    while True:
        try:
            _fetch_rest(url, part, max_bytes, progress)
        except (requests.exceptions.RequestException, ConnectionError) as error:
            failed = 1 if _size(part) > most else failed + 1
            most = max(most, _size(part))
            if failed >= _TRIES or not _is_passing(error):
                raise _explained(url, _size(part), error) from error
            time.sleep(_WAIT_SECONDS * 2**failed)
        else:
            return


def _fetch_rest(url: str, part: Path, max_bytes: int, progress: Progress) -> None:
    have, headers = _what_to_ask(part)
    with (
        _session(url) as session,
        session.get(url, headers=headers, stream=True, timeout=(_CONNECT_SECONDS, _STALL_SECONDS)) as answer,
    ):
        if answer.status_code == requests.codes.requested_range_not_satisfiable and have:
            if answer.headers.get("Content-Range") == f"bytes */{have}":
                _tag(part).unlink(missing_ok=True)
                return  # the file is complete
            _begin_anew(part)
        if answer.status_code == requests.codes.proxy_authentication:
            raise ModelInstallError(f"the proxy {_proxy(url)} needs a user and a password", hint=_PROXY)
        if answer.status_code not in {requests.codes.ok, requests.codes.partial_content}:
            raise ModelInstallError(f"{url} returned {answer.status_code} {answer.reason}".strip(), hint=_ELSEWHERE)
        goes_on = answer.status_code == requests.codes.partial_content
        if goes_on and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            _begin_anew(part)
        _keep_body(url, part, answer, have if goes_on else 0, max_bytes, progress)


def _keep_body(url: str, part: Path, answer: requests.Response, have: int, max_bytes: int, progress: Progress) -> None:
    """Append the body of the response to the partial file, which already has `have` bytes."""
    length = answer.headers.get("Content-Length", "")
    whole = have + int(length) if length.isdecimal() else None
    if "html" in answer.headers.get("Content-Type", ""):
        raise _web_page(url)
    if (whole or 0) > max_bytes:
        raise _too_large(url)
    if not have:
        _tag(part).write_text(_version(answer), encoding="utf-8")
    answer.raw.enforce_content_length = False  # it would discard data that arrived just before an interruption
    with part.open("ab" if have else "wb") as file:
        for block in answer.iter_content(_BLOCK_BYTES):
            if not have and block.lstrip().lower().startswith(_WEB_PAGE):
                raise _web_page(url)
            have += len(block)
            if have > max_bytes:
                file.truncate(0)
                raise _too_large(url)
            file.write(block)
            progress(have, whole)
    if whole is not None and have < whole:
        raise requests.exceptions.ConnectionError(f"interrupted after {have} of {whole} bytes")
    _tag(part).unlink(missing_ok=True)


def _session(url: str) -> requests.Session:
    """Return a session that refuses redirects to other unencrypted hosts."""
    session = requests.Session()
    session.adapters.clear()
    session.mount("https://", HTTPAdapter())
    parts = urlsplit(url)
    if parts.scheme == "http":
        session.mount(f"http://{parts.netloc.lower()}/", HTTPAdapter())
    return session


def _what_to_ask(part: Path) -> tuple[int, dict[str, str]]:
    """Return the number of bytes already downloaded, and the headers that request the rest of the same version."""
    have, headers = _size(part), {"Accept-Encoding": "identity"}
    if not have:
        return 0, headers
    version = _tag(part).read_text(encoding="utf-8") if _tag(part).is_file() else ""
    return have, headers | {"Range": f"bytes={have}-"} | ({"If-Range": version} if version else {})


def _version(answer: requests.Response) -> str:
    """Return the server's identifier for this version of the file, or an empty string if it sends no reliable one."""
    tag = str(answer.headers.get("ETag", ""))
    return tag if tag.startswith('"') else str(answer.headers.get("Last-Modified", ""))


def _tag(part: Path) -> Path:
    """Return the path of the file that holds the server's version identifier during a download."""
    return part.with_name(f"{part.name}.version")


def _begin_anew(part: Path) -> None:
    part.unlink()
    _tag(part).unlink(missing_ok=True)
    raise _BegunAnewError


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


# Errors


def _is_passing(error: BaseException) -> bool:
    """Return whether a retry may help: true if a connection was slow or interrupted, false if none could be set up."""
    setting_up = (socket.gaierror, ssl.SSLError, ConnectionRefusedError)
    wrong = (requests.exceptions.InvalidSchema, requests.exceptions.TooManyRedirects, requests.exceptions.ProxyError)
    return not any(isinstance(cause, (*setting_up, *wrong)) or _is_unreachable(cause) for cause in _causes(error))


def _explained(url: str, have: int, error: Exception) -> ModelInstallError:
    host = urlsplit(url).hostname
    for cause in _causes(error):
        if isinstance(cause, requests.exceptions.ProxyError):
            return _explained_proxy(url, cause)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _explained_certificate(host, cause)
        if isinstance(cause, ssl.SSLError):
            return ModelInstallError(f"{host} does not speak https: {cause.reason}", hint=_ELSEWHERE)
        if isinstance(cause, socket.gaierror):
            is_unknown = cause.errno == socket.EAI_NONAME
            what = f'there is no server "{host}"' if is_unknown else f'the name "{host}" cannot be resolved'
            return ModelInstallError(f"{what}: {cause.strerror}", hint=_OFFLINE)
        if isinstance(cause, ConnectionRefusedError):
            return ModelInstallError(f"{host} refuses the connection", hint=_ELSEWHERE)
        if _is_unreachable(cause):
            return ModelInstallError(f"{host} cannot be reached: there is no network", hint=_OFFLINE)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return ModelInstallError(f"{host} did not respond within {_CONNECT_SECONDS:.0f} s", hint=_OFFLINE)
    if isinstance(error, requests.exceptions.InvalidSchema):
        return ModelInstallError(f"{url} redirects to an unencrypted address", hint=_ELSEWHERE)
    if isinstance(error, requests.exceptions.TooManyRedirects):
        return ModelInstallError(f"{url} redirects in a loop", hint=_ELSEWHERE)
    if isinstance(error, _BegunAnewError):
        return ModelInstallError(f"{url} sent parts that do not fit together", hint=_ELSEWHERE)
    if isinstance(error, requests.exceptions.Timeout) or "timed out" in str(error):  # wrapped in mid-response
        return ModelInstallError(f"{host} stopped responding after {have / 1e6:.1f} MB", hint=_AGAIN)
    return ModelInstallError(f"the connection to {host} was interrupted after {have / 1e6:.1f} MB", hint=_AGAIN)


def _explained_proxy(url: str, error: Exception) -> ModelInstallError:
    """Return an error that says why the proxy failed: bad address, unreachable, or an unexpected response."""
    proxy = _proxy(url)
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return ModelInstallError(f"there is no proxy {proxy}: {cause.strerror}", hint=_PROXY)
        if isinstance(cause, ConnectionRefusedError):
            return ModelInstallError(f"the proxy {proxy} refuses the connection", hint=_PROXY)
        if isinstance(cause, TimeoutError) or _is_unreachable(cause):
            return ModelInstallError(f"the proxy {proxy} cannot be reached", hint=_PROXY)
        found = re.search(r"Tunnel connection failed: (\d+ ?.*)", str(cause)) if isinstance(cause, OSError) else None
        if found is not None and not isinstance(cause, requests.exceptions.RequestException):
            needs = "needs a user and a password" if found[1].startswith("407") else "does not let this program through"
            return ModelInstallError(f"the proxy {proxy} {needs}: {found[1]}", hint=_PROXY)
    return ModelInstallError(f"the proxy {proxy} does not respond like a proxy", hint=_PROXY)


def _proxy(url: str) -> str:
    """Return the address of the proxy for a URL, without its user and password."""
    chosen = select_proxy(url, get_environ_proxies(url)) or ""
    return chosen.rpartition("@")[2].partition("://")[2] or chosen.rpartition("@")[2]


_WRONG_DATES: Final = {9: "is not valid yet", 10: "has expired"}  # by OpenSSL's codes
_WRONG_NAMES: Final = frozenset({62, 64})


def _explained_certificate(host: str | None, error: ssl.SSLCertVerificationError) -> ModelInstallError:
    if error.verify_code in _WRONG_DATES:
        what = _WRONG_DATES[error.verify_code]
        hint = "check the clock of this machine; nothing was downloaded"
    elif error.verify_code in _WRONG_NAMES:
        what = "belongs to another server"
        hint = "check the address and the network; nothing was downloaded"
    else:
        what = "is not trusted"
        hint = (
            "if your network has a certificate of its own, name its file in REQUESTS_CA_BUNDLE; nothing was downloaded"
        )
    return ModelInstallError(f"the certificate of {host} {what}: {error.verify_message}", hint=hint)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes. requests and urllib3 wrap the system's errors."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]


def _is_unreachable(cause: BaseException) -> bool:
    return isinstance(cause, OSError) and cause.errno in {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}


def _web_page(url: str) -> ModelInstallError:
    return ModelInstallError(
        f"{url} returned a web page, not a model", hint="this network may require a login; or use --mirror"
    )


def _too_large(url: str) -> ModelInstallError:
    return ModelInstallError(f"{url} sent more data than the model has", hint=_ELSEWHERE)
