"""``pos-app practice``: the practice M-PESA alone, for anyone's tests."""

from __future__ import annotations

import argparse
import asyncio

from pos_app.cli import exits
from pos_app.cli.arguments import port, seconds
from pos_app.cli.lines import print_line
from pos_app.cli.stopping import until_stopped
from pos_app.common.errors import Outside
from pos_app.common.i18n import _
from pos_app.practice.simulator.customers import CustomerBehaviour
from pos_app.practice.simulator.server import PracticeServer
from pos_app.practice.simulator.service import PracticeMpesa
from pos_app.practice.simulator.shop import Shop, SimulatorOptions


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    shop, options = Shop(), SimulatorOptions()
    parser = commands.add_parser(
        "practice",
        help=_("run the practice M-PESA on this machine"),
        description=_(
            "A look-alike of M-PESA on loopback, for tests: token, STK push, STK query and callbacks. "
            "Control it over HTTP: GET /practice/books; GET and POST /practice/customers/2547…; "
            "POST /practice/customers/2547…/answer; POST /practice/faults; POST /practice/manner."
        ),
        epilog=_('Example: curl -d \'{"target": "push", "fault": "accept_lost"}\' 127.0.0.1:8200/practice/faults'),
    )
    parser.add_argument("--port", metavar="N", type=port, default=8200, help=_("default 8200; 0 for any free one"))
    parser.add_argument(
        "--customers",
        choices=[str(habit) for habit in CustomerBehaviour],
        default=str(CustomerBehaviour.PAYS),
        help=_("what customers do by themselves (default: pays)"),
    )
    parser.add_argument(
        "--after", metavar="SECONDS", type=seconds, default=2.0, help=_("how soon they do it (default 2)")
    )
    parser.add_argument("--speed", metavar="X", type=seconds, default=1.0, help=_("practice seconds in a real one"))
    parser.add_argument("--consumer-key", default=shop.consumer_key)
    parser.add_argument("--consumer-secret", default=shop.consumer_secret)
    parser.add_argument("--passkey", default=shop.passkey)
    parser.add_argument(
        "--shortcode", default=shop.paybill, help=_("paybill (default {number})").format(number=shop.paybill)
    )
    parser.add_argument(
        "--store", default=shop.store, help=_("store number for Buy Goods (default {number})").format(number=shop.store)
    )
    parser.add_argument(
        "--till", default=shop.till, help=_("till number under it (default {number})").format(number=shop.till)
    )
    parser.add_argument(
        "--query-spacing",
        metavar="SECONDS",
        type=seconds,
        default=options.query_spacing_s,
        help=_("one query in so many seconds, else 429 (default 12, as the sandbox; 0 for none)"),
    )
    parser.set_defaults(run=command)


def command(arguments: argparse.Namespace) -> int:
    """Runs it until it is stopped."""
    shop = Shop(
        consumer_key=arguments.consumer_key,
        consumer_secret=arguments.consumer_secret,
        passkey=arguments.passkey,
        paybill=arguments.shortcode,
        store=arguments.store,
        till=arguments.till,
    )
    options = SimulatorOptions(
        speed=arguments.speed or 1.0,
        habit=CustomerBehaviour(arguments.customers),
        habit_after_s=arguments.after,
        query_spacing_s=arguments.query_spacing,
    )
    asyncio.run(_serve(PracticeMpesa(shop, options), arguments.port))
    return exits.OK


async def _serve(mpesa: PracticeMpesa, port: int) -> None:
    try:
        server = PracticeServer(mpesa, port)
    except OSError:
        raise Outside("server.port", port=port) from None
    await server.start()
    shop = mpesa.shop
    print_line(_("Practice M-PESA on {url} (no money moves). Ctrl+C stops it.").format(url=server.url))
    print_line(f"POS_APP_BASE_URL={server.url}")
    print_line(f"POS_APP_CONSUMER_KEY={shop.consumer_key}")
    # Public by design: these open nothing but this practice server.
    print_line(f"POS_APP_CONSUMER_SECRET={shop.consumer_secret}")
    print_line(f"POS_APP_PASSKEY={shop.passkey}")
    print_line(f"POS_APP_SHORTCODE={shop.paybill}")
    await until_stopped()
    await server.stop()
