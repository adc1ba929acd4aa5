"""``pos-app relay``: the callback mailbox."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from contextlib import closing
from pathlib import Path

from pos_app import logs, paths
from pos_app.addresses import is_safe_address
from pos_app.cli import exits
from pos_app.cli.lines import complain, say
from pos_app.cli.stopping import until_stopped
from pos_app.errors import Mistake, Outside
from pos_app.i18n import _
from pos_app.relay.app import make_app
from pos_app.relay.auth import Pairing
from pos_app.relay.store_sqlite import SqliteStore
from pos_app.serving import LoopbackServer

_DAY_MS = 86_400_000


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command and those under it."""
    relay = commands.add_parser(
        "relay",
        help=_("the callback mailbox: serve it, add tills to it"),
        description=_("A mailbox between M-PESA, which needs a public https address, and tills behind any router."),
    )
    under = relay.add_subparsers(metavar="WHAT", required=True)
    serve = under.add_parser("serve", help=_("serve the mailbox; put a web server with https in front of it"))
    serve.add_argument("--host", metavar="H", default="127.0.0.1")
    serve.add_argument("--port", metavar="P", type=int, default=8300, help=_("default 8300; 0 for any free one"))
    serve.set_defaults(run=_serve)
    add_till = under.add_parser("add-till", help=_("let a till in; prints one line to paste into its Settings"))
    add_till.add_argument("name", metavar="NAME", help=_("letters, digits and dashes"))
    rotate = under.add_parser("rotate", help=_("give a till a new token; the old one stops at once"))
    rotate.add_argument("name", metavar="NAME")
    for parser in (add_till, rotate):
        parser.add_argument("--url", metavar="URL", help=_("the relay's public address (or POS_APP_RELAY_URL)"))
        parser.add_argument("--json", action="store_true")
    add_till.set_defaults(run=_add_till)
    rotate.set_defaults(run=_rotate)
    listed = under.add_parser("list", help=_("the tills, how far they have read, what waits for them"))
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=_list)
    revoke = under.add_parser("revoke", help=_("shut a till out"))
    revoke.add_argument("name", metavar="NAME")
    revoke.set_defaults(run=_revoke)
    purge = under.add_parser("purge", help=_("delete old mail"))
    purge.add_argument("--read-days", metavar="N", type=int, default=7, help=_("mail its till has read (default 7)"))
    purge.add_argument("--unread-days", metavar="N", type=int, default=35, help=_("mail nobody has read (default 35)"))
    purge.set_defaults(run=_purge)
    for parser in (serve, add_till, rotate, listed, revoke, purge):
        parser.add_argument("--database", metavar="FILE", type=Path, help=_("default: in the program's data folder"))


def _store(arguments: argparse.Namespace) -> SqliteStore:
    return SqliteStore(arguments.database or paths.home().data / "relay" / "relay.sqlite3")


def _serve(arguments: argparse.Namespace) -> int:
    logs.set_up(None, to_stderr=True)
    asyncio.run(_serve_until_stopped(_store(arguments), arguments.host, arguments.port))
    return exits.PAID


async def _serve_until_stopped(store: SqliteStore, host: str, port: int) -> None:
    try:
        server = LoopbackServer(make_app(store), host=host, port=port)
    except OSError:
        store.close()
        raise Outside("server.port", port=port) from None
    await server.start()
    say(_("Relay on {url}. Ctrl+C stops it.").format(url=server.url))
    await until_stopped()
    await server.stop()
    store.close()


def _public_url(arguments: argparse.Namespace) -> str:
    url: str = (arguments.url or os.environ.get("POS_APP_RELAY_URL", "")).strip().rstrip("/")
    if url and not is_safe_address(url):
        raise Mistake("settings.relay_url")
    return url or "https://relay.example.invalid"


def _add_till(arguments: argparse.Namespace) -> int:
    url = _public_url(arguments)
    with closing(_store(arguments)) as store:
        token = store.add_till(arguments.name)
    return _show(Pairing(url, arguments.name, token), as_json=arguments.json)


def _rotate(arguments: argparse.Namespace) -> int:
    url = _public_url(arguments)
    with closing(_store(arguments)) as store:
        token = store.rotate(arguments.name)
    return _show(Pairing(url, arguments.name, token), as_json=arguments.json)


def _show(pairing: Pairing, *, as_json: bool) -> int:
    if as_json:
        say(json.dumps({"till": pairing.till, "token": pairing.token, "pairing": pairing.line()}))
    else:
        complain(_("Paste this line into Settings, Relay. It is shown this once."))
        say(pairing.line())
    return exits.PAID


def _list(arguments: argparse.Namespace) -> int:
    with closing(_store(arguments)) as store:
        for till in store.tills():
            if arguments.json:
                say(
                    json.dumps(
                        {
                            "till": till.name,
                            "revoked": till.is_revoked,
                            "read_to": till.position,
                            "waiting": till.waiting,
                            "seen_at_ms": till.seen_at_ms,
                        }
                    )
                )
            else:
                state = _("revoked") if till.is_revoked else _("open")
                say(f"{till.name:<32}  {state:<8}  " + _("waiting: {count}").format(count=till.waiting))
    return exits.PAID


def _revoke(arguments: argparse.Namespace) -> int:
    with closing(_store(arguments)) as store:
        store.revoke(arguments.name)
    say(_("{till} is shut out.").format(till=arguments.name))
    return exits.PAID


def _purge(arguments: argparse.Namespace) -> int:
    now_ms = int(time.time() * 1000)
    with closing(_store(arguments)) as store:
        count = store.purge(
            read_before_ms=now_ms - arguments.read_days * _DAY_MS,
            unread_before_ms=now_ms - arguments.unread_days * _DAY_MS,
        )
    say(_("{count} messages deleted.").format(count=count))
    return exits.PAID
