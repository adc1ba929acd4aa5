"""``pos-app relay``: the callback mailbox."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import time
from contextlib import closing

from pos_app.cli import exits
from pos_app.cli.arguments import port
from pos_app.cli.lines import print_error, print_line
from pos_app.cli.stopping import until_stopped
from pos_app.common import logs, paths
from pos_app.common.asgi_server import LoopbackServer
from pos_app.common.clock import to_eat
from pos_app.common.errors import Mistake, Outside
from pos_app.common.i18n import _
from pos_app.common.mailbox import Pairing
from pos_app.common.urls import is_safe_address
from pos_app.relay.access_policy import LOOPBACK, MPESA, AccessRules, networks
from pos_app.relay.app import make_app
from pos_app.relay.metrics import Counted, Metrics, Uncounted
from pos_app.relay.protocol import ImpatientProtocol
from pos_app.relay.retention import Retention, keep_tidy
from pos_app.relay.store import Store
from pos_app.relay.stores import open_store
from pos_app.settings.environment import given

_MOST_CONNECTIONS = 20_000
_NO_URL = "https://relay.example.invalid"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command and those under it."""
    relay = commands.add_parser(
        "relay",
        help=_("the callback mailbox: serve it, add tills to it"),
        description=_("A mailbox between M-PESA, which needs a public https address, and tills behind any router."),
    )
    under = relay.add_subparsers(metavar="WHAT", required=True)
    serve = under.add_parser("serve", help=_("serve the mailbox; put a web server with https in front of it"))
    _add_serve_options(serve)
    serve.set_defaults(run=_serve)
    add_device = under.add_parser("add-till", help=_("let a till in; prints one line to paste into its Settings"))
    add_device.add_argument("name", metavar="NAME", help=_("letters, digits and dashes"))
    add_device.add_argument(
        "--shop", metavar="SHOP", default="", help=_("tills of one shop share the payments made straight to its number")
    )
    rotate = under.add_parser("rotate", help=_("give a till a new token; the old one stops at once"))
    rotate.add_argument("name", metavar="NAME")
    for parser in (add_device, rotate):
        parser.add_argument("--url", metavar="URL", help=_("the relay's public address (or POS_APP_RELAY_URL)"))
        parser.add_argument("--json", action="store_true")
    add_device.set_defaults(run=_add_device)
    rotate.set_defaults(run=_rotate)
    listed = under.add_parser("list", help=_("the tills, how far they have read, what waits for them"))
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=_list)
    revoke = under.add_parser("revoke", help=_("shut a till out"))
    revoke.add_argument("name", metavar="NAME")
    revoke.set_defaults(run=_revoke)
    purge = under.add_parser("purge", help=_("delete old mail"))
    purge.set_defaults(run=_purge)
    for parser in (serve, purge):
        _add_retention(parser)
    for parser in (serve, add_device, rotate, listed, revoke, purge):
        parser.add_argument(
            "--database",
            metavar="FILE|URL",
            help=_("a file, or postgresql://… (or POS_APP_RELAY_DATABASE); default: a file in the data folder"),
        )


def _add_serve_options(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("--host", metavar="H", default="127.0.0.1")
    serve.add_argument("--port", metavar="P", type=port, default=8300, help=_("default 8300; 0 for any free one"))
    serve.add_argument(
        "--proxy",
        metavar="NET",
        action="append",
        help=_("a web server in front whose X-Forwarded-For is believed; may be repeated; default: this machine"),
    )
    serve.add_argument(
        "--only-mpesa", action="store_true", help=_("take callbacks from M-PESA's known addresses alone")
    )
    serve.add_argument(
        "--allow", metavar="NET", action="append", help=_("take callbacks from here alone; may be repeated")
    )
    serve.add_argument(
        "--metrics-from", metavar="NET", action="append", help=_("who may read /metrics; default: this machine")
    )


def _add_retention(parser: argparse.ArgumentParser) -> None:
    usual = Retention()
    parser.add_argument(
        "--read-days", metavar="N", type=int, default=usual.read_days,
        help=_("how long mail is kept that its till has read (default {days} days)").format(days=usual.read_days),
    )  # fmt: skip
    parser.add_argument(
        "--unread-days", metavar="N", type=int, default=usual.unread_days,
        help=_("how long mail is kept that nobody has read (default {days} days)").format(days=usual.unread_days),
    )  # fmt: skip


def _store(arguments: argparse.Namespace, *, must_exist: bool = True) -> Store:
    """The mailbox meant; only what serves it or lets the first till in makes one."""
    usual = str(paths.home().data / "relay" / "relay.sqlite3")
    return open_store(arguments.database or given().get("POS_APP_RELAY_DATABASE") or usual, must_exist=must_exist)


def _retention(arguments: argparse.Namespace) -> Retention:
    if arguments.read_days < 1 or arguments.unread_days < arguments.read_days:
        raise Mistake("relay.retention")
    return Retention(arguments.read_days, arguments.unread_days)


def _rules(arguments: argparse.Namespace) -> AccessRules:
    allowed = networks(arguments.allow or ()) + (MPESA if arguments.only_mpesa else ())
    return AccessRules(
        networks(arguments.proxy) if arguments.proxy else LOOPBACK,
        allowed or None,
        networks(arguments.metrics_from) if arguments.metrics_from else LOOPBACK,
    )


def _serve(arguments: argparse.Namespace) -> int:
    logs.set_up(None, to_stderr=True)
    rules, retention = _rules(arguments), _retention(arguments)
    asyncio.run(
        _serve_until_stopped(_store(arguments, must_exist=False), rules, retention, arguments.host, arguments.port)
    )
    return exits.OK


async def _serve_until_stopped(store: Store, rules: AccessRules, retention: Retention, host: str, port: int) -> None:
    with closing(store):
        app = make_app(store, rules, _metrics())
        try:
            server = LoopbackServer(
                app, host=host, port=port, http=ImpatientProtocol, limit_concurrency=_MOST_CONNECTIONS, backlog=4096
            )
        except OSError:
            raise Outside("server.port", port=port) from None
        await store.start()
        await server.start()
        tidying = asyncio.create_task(keep_tidy(store, retention), name="retention")
        print_line(_("Relay on {url}. Ctrl+C stops it.").format(url=server.url))
        try:
            await until_stopped()
        finally:
            tidying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await tidying
            await server.stop()
            await store.stop()


def _metrics() -> Metrics:
    try:
        return Counted()
    except ImportError:
        # Comes with pos-app[relay]; the mailbox works without.
        return Uncounted()


def _public_url(arguments: argparse.Namespace) -> str:
    url: str = (arguments.url or os.environ.get("POS_APP_RELAY_URL", "")).strip().rstrip("/")
    if url and not is_safe_address(url):
        raise Mistake("settings.relay_url")
    if not url:
        told = _(
            "No public address was named (--url or POS_APP_RELAY_URL). After pasting the line, correct the address in"
            " Settings, Relay: it reads {url}."
        )
        print_error(told.format(url=_NO_URL))
    return url or _NO_URL


def _add_device(arguments: argparse.Namespace) -> int:
    url = _public_url(arguments)
    with closing(_store(arguments, must_exist=False)) as store:
        token = store.add_device(arguments.name, arguments.shop)
    return _show(Pairing(url, arguments.name, token), as_json=arguments.json)


def _rotate(arguments: argparse.Namespace) -> int:
    url = _public_url(arguments)
    with closing(_store(arguments)) as store:
        token = store.rotate(arguments.name)
    return _show(Pairing(url, arguments.name, token), as_json=arguments.json)


def _show(pairing: Pairing, *, as_json: bool) -> int:
    if as_json:
        print_line(json.dumps({"till": pairing.till, "token": pairing.token, "pairing": pairing.line()}))
        return exits.OK
    print_error(_("Paste this line into Settings, Relay. It is shown this once."))
    print_line(pairing.line())
    with contextlib.suppress(ImportError):
        print_error(qr_lines(pairing.line()))
    return exits.OK


def qr_lines(text: str) -> str:
    """A text as a QR code of half blocks, for a terminal with light letters on dark.

    Raises:
        ImportError: its library is not installed.
    """
    import qrcode  # noqa: PLC0415 - only here

    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_L, border=2)
    code.add_data(text)
    rows = code.get_matrix()
    rows += [[False] * len(rows[0])] * (len(rows) % 2)
    blocks = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join("".join(blocks[top, low] for top, low in zip(*pair, strict=True)) for pair in pairs)


def _list(arguments: argparse.Namespace) -> int:
    with closing(_store(arguments)) as store:
        for till in store.devices():
            if arguments.json:
                line = {
                    "till": till.name, "shop": till.shop, "revoked": till.is_revoked, "read_to": till.position,
                    "waiting": till.waiting, "seen_at_ms": till.seen_at_ms,
                }  # fmt: skip
                print_line(json.dumps(line))
                continue
            state = _("revoked") if till.is_revoked else _("open")
            seen = to_eat(till.seen_at_ms).strftime("%Y-%m-%d %H:%M") if till.seen_at_ms else _("never seen")
            waiting = _("waiting: {count}").format(count=till.waiting)
            print_line(f"{till.name:<24}  {till.shop:<24}  {state:<8}  {seen:<16}  {waiting}")
    return exits.OK


def _revoke(arguments: argparse.Namespace) -> int:
    with closing(_store(arguments)) as store:
        store.revoke(arguments.name)
    print_line(_("{till} is shut out.").format(till=arguments.name))
    return exits.OK


def _purge(arguments: argparse.Namespace) -> int:
    retention = _retention(arguments)
    with closing(_store(arguments)) as store:
        count = retention.purge(store, int(time.time() * 1000))
    print_line(_("{count} messages deleted.").format(count=count))
    return exits.OK
