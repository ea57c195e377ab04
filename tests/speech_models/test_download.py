"""Downloads from a real server on this machine, with interruptions, false headers and stalls, and the messages about
them.
"""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.fileserver import Server, serving
from voice_helper.errors import ModelInstallError
from voice_helper.speech_models import download as downloads
from voice_helper.speech_models.download import check_address, fetch

CONTENT = bytes(range(256)) * 4_000
MOST = 2_000_000


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client retry at once, without a proxy."""
    monkeypatch.setattr(downloads, "_WAIT_SECONDS", 0.001)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as served:
        served.content = CONTENT
        yield served


def fetched(server: Server, part: Path, seen: list[int] | None = None) -> bytes:
    fetch(f"{server.address}/m.zip", part, max_bytes=MOST, progress=lambda have, whole: (seen or []).append(have))
    assert not part.with_name(f"{part.name}.version").exists(), "nothing is kept beside a whole file"
    return part.read_bytes()


def refusal(server: Server, part: Path) -> str:
    with pytest.raises(ModelInstallError) as caught:
        fetched(server, part)
    assert caught.value.hint
    return caught.value.message


# Interruptions


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, len(CONTENT)), max_size=3),
    ranges=st.booleans(),
    names_length=st.booleans(),
    version=st.sampled_from([None, '"one"', 'W/"weak"']),
)
def test_a_download_with_any_interruptions_equals_the_servers_file(
    server: Server, tmp_path: Path, cuts: list[int], ranges: bool, names_length: bool, version: str | None
) -> None:
    if not names_length:  # then an interruption looks like the end
        cuts = []
    server.cuts, server.ranges, server.names_length, server.version = list(cuts), ranges, names_length, version
    part = tmp_path / "part"
    part.unlink(missing_ok=True)
    assert fetched(server, part) == CONTENT


def test_after_an_interruption_only_the_rest_is_requested(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000, 200_000]
    seen: list[int] = [0]
    assert fetched(server, tmp_path / "part", seen) == CONTENT
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0 for asked in server.asked]
    assert starts == [0, 300_000, 500_000]
    assert seen == sorted(seen), "the progress never goes back"


def test_the_next_attempt_continues_with_the_data_before_the_last_interruption(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000, 0, 0, 0, 0]
    assert "was interrupted after 0.3 MB" in refusal(server, tmp_path / "part")
    server.cuts = []
    assert fetched(server, tmp_path / "part") == CONTENT
    assert server.asked[-1] == "bytes=300000-"


def test_a_file_that_has_changed_on_the_server_is_not_mixed_with_the_old_one(server: Server, tmp_path: Path) -> None:
    server.version, server.cuts = '"one"', [300_000, 0, 0, 0, 0]
    refusal(server, tmp_path / "part")
    server.version, server.cuts, server.content = '"two"', [], b"new" * 300_000
    assert fetched(server, tmp_path / "part") == server.content


def test_a_partial_file_longer_than_the_file_is_discarded(server: Server, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"x" * (len(CONTENT) + 1))
    assert fetched(server, tmp_path / "part") == CONTENT


def test_a_complete_file_is_not_downloaded_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(CONTENT)
    assert fetched(server, tmp_path / "part") == CONTENT
    assert server.asked == [f"bytes={len(CONTENT)}-"]


def test_a_download_ends_even_if_the_server_declares_too_large_a_length(server: Server, tmp_path: Path) -> None:
    server.claims_more = 1_000
    assert fetched(server, tmp_path / "part") == CONTENT


def test_parts_that_do_not_fit_together_are_never_joined(server: Server, tmp_path: Path) -> None:
    server.wrong_range, server.cuts = True, [1_000] * 9
    assert "do not fit together" in refusal(server, tmp_path / "part")


# Error messages


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": 404}, "returned 404 Not Found"),
        ({"status": 500}, "returned 500 Internal Server Error"),
        ({"kind": "text/html; charset=utf-8"}, "returned a web page, not a model"),
        ({"content": b"\n<!DOCTYPE html><title>Log in</title>"}, "returned a web page, not a model"),
        ({"content": b"x" * (MOST + 1)}, "sent more data than the model"),
        ({"content": b"x" * (MOST + 1), "names_length": False}, "sent more data than the model"),
        ({"stalls_after": 0}, "stopped responding after 0.0 MB"),
        ({"stalls_after": 131_072, "ranges": False}, "stopped responding after 0.1 MB"),
        ({"cuts": [0] * 9}, "was interrupted after 0.0 MB"),
        ({"address": "http://127.0.0.1:9"}, "127.0.0.1 refuses the connection"),
        ({"leads_to": "http://127.0.0.2:9/m.zip"}, "redirects to an unencrypted address"),
        ({"leads_to": "/m.zip"}, "redirects in a loop"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_cause_of_a_failure_is_reported(
    server: Server, tmp_path: Path, change: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "stalls_after" in change:  # in the other cases, a server on a busy machine may be slow
        monkeypatch.setattr(downloads, "_STALL_SECONDS", 1.0)
    for name, value in change.items():
        setattr(server, name, value)
    assert words in refusal(server, tmp_path / "part")


def test_a_file_declared_too_large_is_not_downloaded_and_one_that_grows_too_large_is_not_kept(
    server: Server, tmp_path: Path
) -> None:
    server.content = bytes(MOST + 1)
    refusal(server, tmp_path / "part")
    assert not (tmp_path / "part").exists()
    server.names_length = False
    refusal(server, tmp_path / "part")
    assert (tmp_path / "part").stat().st_size == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), 'there is no server "example.org"'),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), 'the name "example.org" cannot be resolved'),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "cannot be reached: there is no network"),
    ],
    ids=["unknown name", "no name server", "no network"],
)
def test_without_a_network_it_says_so_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    asked = []

    def look_up(*arguments: object, **more: object) -> None:
        asked.append(arguments)
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    server = Server(address="https://example.org")
    assert words in refusal(server, tmp_path / "part")
    assert len(asked) == 1, "trying again does not help"


def test_a_proxy_that_refuses_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert "proxy" in refusal(Server(address="https://example.org"), tmp_path / "part")


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("http://127.0.0.1:9", "the proxy 127.0.0.1:9 refuses the connection"),
        ("127.0.0.1:9", "the proxy 127.0.0.1:9 refuses the connection"),
        ("http://no.such.invalid:3128", "there is no proxy no.such.invalid:3128"),
        ("http://me:secret@[::1", 'the proxy "[::1" is not a valid address'),
        ("http://here:port", 'the proxy "here:port" is not a valid address'),
        ("socks5://127.0.0.1:9", 'the proxy "127.0.0.1:9" is not a valid address'),
        ("http://", "is not a valid address"),
        ("127.0.0.1:99999", "is not a valid address"),
        ("http://exam ple:80", "is not a valid address"),
    ],
)
def test_an_invalid_proxy_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str, words: str) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert words in refusal(Server(address="https://example.org"), tmp_path / "part")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (407, "needs a user and a password: 407"),
        (403, "does not let this program through: 403"),
        (502, "does not let this program through: 502"),
    ],
)
def test_a_proxys_response_is_reported_without_the_password(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    server.tunnels = status
    place = server.address.removeprefix("http://")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@{place}")
    told = refusal(Server(address="https://example.org"), tmp_path / "part")
    assert told.startswith(f"the proxy {place} {words}")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError("timed out"), "did not respond within"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "refuses the connection"),
    ],
    ids=["silent", "refused"],
)
def test_an_unreachable_server_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    def connect(self: socket.socket, address: object) -> None:
        raise error

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert f"127.0.0.1 {words}" in refusal(server, tmp_path / "part")


def test_a_full_disk_is_not_reported_as_a_network_error(server: Server, tmp_path: Path) -> None:
    (tmp_path / "part").symlink_to("/dev/full")
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        fetched(server, tmp_path / "part")
    assert len(server.asked) == 1


# Encryption


def test_an_unsigned_certificate_is_rejected(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with serving(certificate) as server:
        assert "certificate of 127.0.0.1 is not trusted: self-signed" in refusal(server, tmp_path / "part")
        assert server.asked == []


def test_a_download_over_https_also_survives_interruptions(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(certificate) as server:
        server.content, server.cuts = CONTENT, [500_000]
        assert fetched(server, tmp_path / "part") == CONTENT


def test_a_certificate_of_another_server_is_rejected(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(certificate) as server:
        server.address = server.address.replace("127.0.0.1", "localhost")
        told = refusal(server, tmp_path / "part")
        assert "certificate of localhost belongs to another server: Hostname mismatch" in told


def test_an_expired_certificate_is_rejected_with_a_hint_about_the_clock(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old.pem"
    again = ("openssl", "x509", "-in", certificate, "-signkey", certificate, "-days", "-1", "-out", old)
    subprocess.run(again, check=True, capture_output=True, timeout=60)
    key = certificate.read_text(encoding="ascii").partition("-----BEGIN CERTIFICATE")[0]
    old.write_text(key + old.read_text(encoding="ascii"), encoding="ascii")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(old))
    with serving(old) as server:
        assert "certificate of 127.0.0.1 has expired" in refusal(server, tmp_path / "part")


def test_a_server_that_does_not_speak_https_is_named(server: Server, tmp_path: Path) -> None:
    server.address = server.address.replace("http:", "https:")
    assert "127.0.0.1 does not speak https" in refusal(server, tmp_path / "part")


def test_a_redirection_away_from_encryption_is_not_followed(
    certificate: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(certificate) as encrypted:
        encrypted.leads_to = f"{server.address}/m.zip"
        assert "unencrypted" in refusal(encrypted, tmp_path / "part")
    assert server.asked == []


@pytest.mark.parametrize(
    ("url", "is_mirror"),
    [
        ("https://example.org/m.zip", False),
        ("http://127.0.0.1:1/m.zip", False),
        ("http://[::1]/m.zip", False),
        ("http://localhost/m.zip", False),
        ("http://192.168.1.5/m.zip", True),
    ],
)
def test_encrypted_addresses_mirrors_and_this_machine_are_allowed(url: str, is_mirror: bool) -> None:
    check_address(url, is_mirror=is_mirror)


@pytest.mark.parametrize(
    ("url", "is_mirror", "words"),
    [
        ("http://example.org/m.zip", False, "not be encrypted"),
        ("http://localhost.example.org/m.zip", False, "not be encrypted"),
        ("ftp://example.org/m.zip", True, "is not a valid address"),
        ("file:///etc/passwd", True, "is not a valid address"),
        ("192.168.1.5:8000", True, "is not a valid address"),
        ("/media/stick", True, "is not a valid address"),
        ("http://", True, "is not a valid address"),
        ("http://[::1", True, "is not a valid address"),
        ("https://me:secret@example.org/m.zip", False, "^the address of example.org has a user"),
    ],
)
def test_other_addresses_are_rejected(url: str, is_mirror: bool, words: str) -> None:
    with pytest.raises(ModelInstallError, match=words) as caught:
        check_address(url, is_mirror=is_mirror)
    assert caught.value.hint
