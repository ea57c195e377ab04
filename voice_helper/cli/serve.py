"""Serve the conversation over a network: `serve web` for browsers, `serve wyoming` for Home Assistant, `serve cluster`
for your own programs.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from voice_helper.cli.options import (
    FilePath,
    Options,
    choose_recognizer,
    common,
    keep_what_is_loaded,
    language_folder,
    note,
    note_number,
    open_chosen_skill,
    open_voice_or_none,
)
from voice_helper.errors import VoiceHelperError, install_hint, needs_package
from voice_helper.servers.connection_limits import ipv4_of, is_loopback
from voice_helper.voices import VoiceWithMemory

if TYPE_CHECKING:  # each command imports the heavy modules that it needs
    import socket

    from voice_helper.recognizers import Recognizer
    from voice_helper.skill import Skill

WEB_PORT: Final = 10600
WYOMING_PORT: Final = 10500
CLUSTER_PORT: Final = 10601
_RUBBISH: Final = ("Invalid HTTP request", "Invalid UTF-8 sequence")
_LONG_SECONDS: Final = 3600
_MAX_CONNECTIONS: Final = 64
_STOP_SECONDS: Final = 1
_ELSEWHERE: Final = {"0.0.0.0": ("AF_INET", "192.0.2.1"), "::": ("AF_INET6", "2001:db8::1")}  # example addresses
_EVERY_ADDRESS: Final = tuple(_ELSEWHERE)
_MAX_NAME_BYTES: Final = 63  # the limit for a service name in mDNS
_TOKEN_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # no characters that are easily confused


def _address(port: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds the options for the server's address."""
    host = click.option(
        "--host", default="127.0.0.1", show_default=True, help="Address to serve on; 0.0.0.0 means all addresses."
    )
    ports = click.IntRange(0, 65_535)
    at = click.option(
        "--port", type=ports, default=port, show_default=True, help="Port to serve on; 0 chooses a free one."
    )
    return lambda command: host(at(command))


@click.group()
def serve() -> None:
    """Serve a browser, Home Assistant or your own programs.

    Example: voice-helper serve web

    Example: voice-helper serve wyoming
    """


@serve.command()
@_address(WEB_PORT)
@click.option("--cert", type=FilePath(path_type=Path, dir_okay=False), help="Certificate for https (PEM file).")
@click.option("--key", type=FilePath(path_type=Path, dir_okay=False), help="Private key of the certificate (PEM file).")
@click.option(
    "--most", type=click.IntRange(1, 64), default=4, show_default=True, help="Maximum number of concurrent users."
)
@click.option(
    "--workers", type=click.IntRange(0, 64), default=0, show_default=True, help="Number of recognizer processes."
)
@click.option(
    "--behind-proxy",
    is_flag=True,
    help="Trust X-Forwarded-Host and X-Forwarded-Proto of a web server in front of this one.",
)
@common
def web(
    options: Options,
    host: str,
    port: int,
    cert: Path | None,
    key: Path | None,
    most: int,
    workers: int,
    behind_proxy: bool,
) -> None:
    """Serve a web page that users can talk or type to. Press Ctrl-C to stop.

    With --host, other machines need a token. It is part of the address that is printed at the start, also as a QR code
    for a phone. Browsers allow the microphone only on secure pages, so add --cert and --key; without them, users can
    still type and use the buttons.

    Example: voice-helper serve web

    Example: voice-helper serve web --host 0.0.0.0 --cert helper.pem --key helper-key.pem
    """
    if (cert is None) != (key is None):
        raise click.UsageError("--cert and --key must be used together")
    with needs_package("the page", "web"):
        import starlette  # noqa: F401
        import uvicorn
    from voice_helper.servers.web.app import WebService, create_app
    from voice_helper.servers.web.page_files import page_files

    _check_certificate(cert, key)
    with listening_socket(host, port) as listener:
        skill = open_chosen_skill(options)
        if skill.content.page is None:
            raise VoiceHelperError(
                f"{language_folder(options)} has no page.yaml, and there is no default one for its language",
                hint="copy intents/page.en.yaml there as page.yaml, and translate it",
            )
        skill.load_all()
        _, another_recognizer = _recognizers(options, skill, workers)
        token = None if is_loopback(host) and not behind_proxy else _new_token()
        served = WebService(
            skill.conversation,
            page_files(skill.content, skill.content.page, needs_token=token is not None),
            another_recognizer,
            VoiceWithMemory(open_voice_or_none(options, needed=False)),
            options.rate,
            host=host,
            token=token,
            most=most,
            behind_proxy=behind_proxy,
        )
        config = uvicorn.Config(create_app(served), **server_settings(cert, key))
        note_number(options, skill)
        _announce(listener, token, host, is_secure=cert is not None)
        logging.getLogger("uvicorn.error").addFilter(_is_no_rubbish)
        keep_what_is_loaded()
        uvicorn.Server(config).run(sockets=[listener])


@serve.command()
@_address(WYOMING_PORT)
@click.option(
    "--most", type=click.IntRange(1, 64), default=4, show_default=True, help="Maximum number of concurrent speakers."
)
@click.option(
    "--workers", type=click.IntRange(0, 64), default=0, show_default=True, help="Number of recognizer processes."
)
@click.option("--zeroconf", "announces", is_flag=True, help="Let Home Assistant discover the server on the network.")
@click.option(
    "--keep-sessions",
    type=FilePath(path_type=Path, dir_okay=False),
    help="Keep guided sessions in this file, so that they survive a restart. Without it, nothing is kept.",
)
@common
def wyoming(
    options: Options, host: str, port: int, most: int, workers: int, announces: bool, keep_sessions: Path | None
) -> None:
    """Serve Home Assistant over Wyoming. Press Ctrl-C to stop.

    It provides a conversation agent, speech-to-text and text-to-speech. The Wyoming protocol has no password: with
    --host, anyone who can reach the port can use the server.

    Example: voice-helper serve wyoming

    Example: voice-helper serve wyoming --host 0.0.0.0 --zeroconf --number 112
    """
    if announces and is_loopback(host):
        raise click.UsageError("--zeroconf announces it to other machines: add --host")
    with needs_package("Home Assistant", "wyoming"):
        import wyoming  # noqa: F401
    import asyncio

    from voice_helper.servers.session_file import SessionFile
    from voice_helper.servers.wyoming.server import WyomingServer, WyomingService
    from voice_helper.skill.folder_reader import key_of

    with listening_socket(host, port) as listener:
        skill = open_chosen_skill(options)
        skill.load_all()
        name, another_recognizer = _recognizers(options, skill, workers)
        served = WyomingService(
            skill.conversation,
            skill.content.language.code,
            name,
            another_recognizer,
            open_voice_or_none(options, needed=False),  # the text is arbitrary, so caching would not help
            options.rate,
            host=host,
            most=most,
            sessions=SessionFile(keep_sessions, key_of(skill.content, "turns")) if keep_sessions is not None else None,
            regions=skill.content.subject.regions if skill.content.subject is not None else (),
            about=skill.content.title,
        )

        server = WyomingServer(served)

        async def ready() -> None:
            if announces:
                await _announce_in_network(host, listener.getsockname()[1])
            note_number(options, skill)
            click.echo(f"tcp://{_at(listener, host)}")
            note("in Home Assistant: Settings, Devices & services, Add integration, Wyoming Protocol. Ctrl-C ends")
            if keep_sessions is not None:
                note(f"guided sessions are kept in {keep_sessions}")
            note(
                "after a change of --voice or --rate, run the action tts.clear_cache in Home Assistant: it caches audio"
            )
            if not is_loopback(host):
                note(
                    "anyone who can reach this port can use the server: the protocol has no password and no encryption"
                )

        keep_what_is_loaded()
        asyncio.run(server.serve(listener, ready))


async def _announce_in_network(host: str, port: int) -> None:
    """Announce the server's address by mDNS. Raises `VoiceHelperError` if that fails."""
    import socket

    with needs_package("--zeroconf", "wyoming"):
        from wyoming.zeroconf import HomeAssistantZeroconf
    name = f"voice-helper on {socket.gethostname()}".encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
    try:
        await HomeAssistantZeroconf(
            port, name, None if host.strip("[]") in _EVERY_ADDRESS else host.strip("[]")
        ).register_server()
    except Exception as error:  # the mDNS library may raise anything
        raise VoiceHelperError(
            f"cannot announce the server on the network: {error or type(error).__name__}",
            hint="leave out --zeroconf, and enter host and port in Home Assistant",
        ) from error


@serve.command()
@click.option(
    "--address",
    envvar="RAY_ADDRESS",
    metavar="HOST:PORT",
    help="Ray cluster to join. Without it, starts one on this machine.",
)
@click.option(
    "--port", type=click.IntRange(1, 65_535), default=CLUSTER_PORT, show_default=True, help="Port on every machine."
)
@click.option("--least", type=click.IntRange(1), default=2, show_default=True, help="Minimum number of replicas.")
@click.option("--replicas", type=click.IntRange(1), default=64, show_default=True, help="Maximum number of replicas.")
@common
def cluster(options: Options, address: str | None, port: int, least: int, replicas: int) -> None:
    """Serve typed turns on several machines. Press Ctrl-C to stop.

    Your program posts {"session": "your id", "turn": 1, "text": "does heat help"} as JSON to /turn. The next turn is 2.
    Each machine serves only itself (127.0.0.1); put your own web server in front of it. Ctrl-C stops the service on all
    machines.

    Example: voice-helper serve cluster

    Example: voice-helper serve cluster --address 10.0.0.1:6379
    """
    from voice_helper.servers.ray.cluster import joined_cluster

    language_folder(options)
    folder = options.intents.resolve() if options.intents is not None else None
    with joined_cluster(address):
        from voice_helper.servers.ray.service import deploy, remove

        try:
            deploy(options.language, options.settings, folder, port=port, least=min(least, replicas), most=replicas)
            click.echo(f"http://127.0.0.1:{port}/turn")
            note("POST turns there, on any machine of the cluster. Ctrl-C ends")
            note("Ray opens ports of its own that other machines may reach: protect them with a firewall")
            while True:
                time.sleep(_LONG_SECONDS)
        finally:
            remove()


def server_settings(cert: Path | None, key: Path | None) -> dict[str, Any]:
    """Return uvicorn's settings for the page: little logging, little memory, and limits."""
    from voice_helper.servers.web.app import MAX_MESSAGE_BYTES

    return {
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "lifespan": "off",
        "ws": "websockets-sansio",  # newer versions use it by default; the other implementation is being removed
        "ws_max_size": MAX_MESSAGE_BYTES,
        "ws_per_message_deflate": False,
        "limit_concurrency": _MAX_CONNECTIONS,
        "timeout_graceful_shutdown": _STOP_SECONDS,
        "ssl_certfile": cert,
        "ssl_keyfile": key,
    }


def _is_no_rubbish(record: logging.LogRecord) -> bool:
    """Return whether to log a message. Messages about invalid requests from clients would fill the log."""
    return not record.getMessage().startswith(_RUBBISH)


def _recognizers(options: Options, skill: Skill, workers: int = 0) -> tuple[str, Callable[[], Recognizer]]:
    """Return the name of the recognizer, and a function that opens one for each speaker.

    The first recognizer is opened immediately, so that a failure is reported at startup rather than to the first
    client.
    """
    choice = choose_recognizer(options, skill, workers)
    opened = [choice.recognizer]

    def another() -> Recognizer:
        with suppress(IndexError):
            return opened.pop()
        return choice.another()

    return choice.recognizer.name, another


def listening_socket(host: str, port: int) -> socket.socket:
    """Open a listening socket on a port of this machine (0: any free port). Raises `VoiceHelperError` on failure."""
    import socket

    try:
        family, _, _, _, address = socket.getaddrinfo(ipv4_of(host), port, type=socket.SOCK_STREAM)[0]
        is_both = str(address[0]) == "::" and socket.has_dualstack_ipv6()  # "::" means every address, also IPv4
        return socket.create_server(address, family=family, dualstack_ipv6=is_both)  # an address includes its zone
    except (OSError, UnicodeError) as error:
        raise VoiceHelperError(
            f"{host} port {port} cannot be served: {getattr(error, 'strerror', None) or error}",
            hint="choose another one with --port, or an address of this machine with --host",
        ) from error


def _check_certificate(cert: Path | None, key: Path | None) -> None:
    import ssl

    if cert is None or key is None:
        return
    for path in (cert, key):
        if not path.is_file():
            raise VoiceHelperError(f"there is no file {path}", hint="check the path")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise VoiceHelperError(
            f"{cert} and {key} are not a certificate and its key: {reason}",
            hint="both must be PEM files, and the key must have no password",
        ) from error


def _new_token() -> str:
    import secrets

    letters = "".join(secrets.choice(_TOKEN_LETTERS) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def _announce(listener: socket.socket, token: str | None, host: str, *, is_secure: bool) -> None:
    address = f"{'https' if is_secure else 'http'}://{_at(listener, host)}/"
    if token is None:
        click.echo(address)
        note("open this address in a browser on this machine. Ctrl-C ends")
        return
    address = f"{address}#token={token}"
    click.echo(address)
    click.echo(f"token: {token}")
    _draw_code(address)
    note("open this address on a phone or another machine; anyone with the token can use it. Ctrl-C ends")
    if not is_secure:
        note(
            "without --cert and --key, browsers block the microphone, and others on the network can read what is typed"
        )


def _draw_code(address: str) -> None:
    """Print an address as a QR code for a phone's camera, if the terminal can display one."""
    if not sys.stdout.isatty() or (sys.stdout.encoding or "").lower().replace("-", "") != "utf8":
        return
    try:
        import segno
    except ImportError:
        note(f"for a QR code, {install_hint('web')}")
        return
    segno.make(address, micro=False).terminal(out=sys.stdout, compact=True, border=2)


def _at(listener: socket.socket, host: str) -> str:
    """Return the host and port of a listening socket, as they appear in a URL that other machines can open."""
    bound, port = listener.getsockname()[:2]  # there are many ways to write that every address is meant, such as 0
    return f"{_shown(_reached_at(bound if bound in _EVERY_ADDRESS else host))}:{port}"


def _reached_at(host: str) -> str:
    """Return a host name or address that other machines can use. If the server listens on all addresses, return this
    machine's address on the network.
    """
    import socket

    name = ipv4_of(host)
    if name not in _EVERY_ADDRESS:
        return name
    family, elsewhere = _ELSEWHERE[name]
    with suppress(OSError), socket.socket(socket.AddressFamily[family], socket.SOCK_DGRAM) as asking:
        asking.connect((elsewhere, 9))  # sends nothing: it only selects the route
        return str(asking.getsockname()[0])
    return socket.gethostname()


def _shown(host: str) -> str:
    """Return a host as it appears in a URL: IPv6 in brackets, with its zone escaped."""
    name = host.strip("[]")
    return f"[{name.replace('%', '%25')}]" if ":" in name else name
