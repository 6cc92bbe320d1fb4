"""The command's front: its help and its version, which are asked for most and answered without loading the rest."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION: Final = "Turn usage events into invoices, and walk from any invoice line back to its events."

COMMANDS: Final = {
    "apply": ("apply:apply", "Make the catalog what the files say. Applying them again changes nothing."),
    "get": ("get:get", "Show what the services hold: catalog objects, backfills, parked events, progress."),
    "contract": (
        "contract_life:app",
        "Contracts over time: start, change, pause, discount, migrate, cancel; --dry-run shows what that changes.",
    ),
    "coupon": ("coupons:app", "Coupons: redeem one for a contract, and see how often and by whom they were redeemed."),
    "customers": ("customers:customers", "Find customers by the beginnings of words of their keys and names."),
    "report": (
        "report:report",
        "Report usage events, one JSON object per line. Repeating it is safe: what was accepted counts as a duplicate.",
    ),
    "import": (
        "csv_import:import_csv",
        "Import usage events from a CSV file. Importing it again accepts nothing twice.",
    ),
    "events": ("events:app", "Single events as the log has them: list them, void them, replace them."),
    "backfill": (
        "backfills:app",
        "Ranges of the past that are reported afterwards: open, close and revert them.",
    ),
    "usage": (
        "usage_show:show",
        "Show the usage of a meter. Windows in which nothing happened have no row, unless --fill-gaps asks for them.",
    ),
    "usage summary": (
        "usage_figures:summary",
        "Show quantity, largest window and 95th percentile over windows, and what it was in the period before.",
    ),
    "usage heat": (
        "usage_figures:heat",
        "Show usage by the hour of the week, of all customers together or of those named.",
    ),
    "usage watch": (
        "usage_watch:watch",
        "Show usage now, and again whenever it has changed.",
    ),
    "usage current": (
        "current:current_usage",
        "Show the usage of a customer, meter and period from memory, with how old it is at most.",
    ),
    "unbilled": (
        "unbilled:unbilled",
        "List usage that no invoice will have as things are, each with its reason.",
    ),
    "check": (
        "sample_check:check",
        "Try a sample file: what would be refused, held, mended or counted, and by which meters. Nothing is kept.",
    ),
    "refusals": (
        "refusals:refusals",
        "List events that were refused or in conflict: how many, why, and the newest of them as they were sent.",
    ),
    "completeness": (
        "completeness:completeness",
        "Tell whether everything came from a source: expected, received, gaps, refused, and since when it is silent.",
    ),
    "reconcile": (
        "reconcile:reconcile",
        "Read the log again and compare it with what is counted, parked and taken back. Exit code 1 if they differ.",
    ),
    "charges": ("usage:charges", "Show what usage costs so far, exactly and not yet rounded."),
    "charges watch": (
        "charges_watch:watch",
        "Show what usage costs so far, and again whenever that has changed.",
    ),
    "cost": (
        "cost:cost",
        "Show what a period costs by item, time and property, in parts that add up to its invoice lines.",
    ),
    "variance": (
        "variance:variance",
        "Say why a period costs more or less than another: by volume, tier, price and plan, in effects that add up.",
    ),
    "revenue": (
        "revenue:revenue",
        "Show what the invoices of some months come to, and the drafts of what is not final in them.",
    ),
    "price": (
        "price:app",
        "Prices before anybody has them: said, worked out, tried on assumed or real usage, looked at for what is odd.",
    ),
    "template": (
        "templates:app",
        "Catalogs of the usual shapes: pay as you go, base and overage, tiers, voice, SMS, data, LLM tokens.",
    ),
    "status": (
        "status:status",
        "Show how each service is, how far behind, since when it stands still, its last error, and what to do next.",
    ),
    "top": ("top:top", "Watch the suite: rates, lag, freshness, latency and memory of each service, until Ctrl-C."),
    "explain": (
        "explain:explain",
        "Explain an invoice line: line, charge, price, snapshot, windows and, if asked for, events and traces.",
    ),
    "up": ("up:up", "Run the whole suite on this machine until Ctrl-C; its state stays in the data folder."),
    "backup": (
        "backup:backup",
        "Back up the whole suite of this machine into a new folder, while it runs or stands still.",
    ),
    "restore": (
        "backup:restore",
        "Make a suite from a backup in a new folder, which `meterline up --data` then runs.",
    ),
    "schema": ("schema:schema", "Print the JSON Schema of catalog files."),
    "version": ("version:version", "Print the version."),
    "audit": ("audit:app", "Who changed what, with which token, and why."),
    "keys": (
        "keys:app",
        "The keys that sign tokens: the private one stays where tokens are made, services get the public ones.",
    ),
    "database": ("database:app", "Databases of the services."),
    "token": ("token:app", "Tokens by which callers prove who they are."),
    "meter": ("meters:app", "Meters over time: how far a new one is filled, and what a draft would count."),
    "parked": ("parked:app", "Events that did not count: why, and counting them once their meter is mended."),
    "invoice": ("invoices:app", "Drafts and final invoices."),
    "entitlement": (
        "entitlements:app",
        "What a customer may use, how much of it is left, and what is held or granted.",
    ),
    "wallet": ("wallets:app", "Credit of customers: grant it, take it back, and see what it paid."),
    "portal": ("portal:app", "The customers' portal: links, sessions, and how its pages look."),
}
"""Name -> where it is written, and its line in `--help`: the first paragraph of its own help, which a test compares."""

CONTEXT_HELP: Final = (
    "Ready file of `meterline up`. Default: the file that METERLINE_CONTEXT names, otherwise the one in ./.meterline. "
    "May also be given before the command."
)
REASON_HELP: Final = "Why: kept in the audit trail with every change that the command makes. Default: METERLINE_REASON."
EXIT_CODES: Final = (
    "0 done · 1 defect in Meterline · 2 wrong usage or input file · 3 refused by a service · 4 not ready yet, "
    "ask again · 5 service unreachable or overloaded · 6 token missing, expired or not allowed · 7 reported, "
    "but some events were refused or in conflict · 8 the suite could not start, be backed up or restored."
)

_WIDTH_MIN, _WIDTH_MAX = 50, 118


def answer(arguments: Sequence[str]) -> str | None:
    """Return what to print for arguments that need nothing but this module; None for all others."""
    if list(arguments) in ([], ["--help"]):
        return help_text()
    return version() if list(arguments) == ["version"] else None


def version() -> str:
    """Return the version of the installed package."""
    from importlib import metadata  # noqa: PLC0415 - slow to load, and not needed for the help

    return metadata.version("meterline")


def help_text() -> str:
    """Return the help of the command as a whole, as wide as the terminal is."""
    width = max(_WIDTH_MIN, min(shutil.get_terminal_size().columns - 2, _WIDTH_MAX))
    options = {
        "--context <path>": CONTEXT_HELP,
        "--reason <text>": REASON_HELP,
        "--help": "Show this message and exit.",
    }
    commands = {name: line for name, (_, line) in COMMANDS.items()}
    parts = (
        "Usage: meterline [OPTIONS] COMMAND [ARGS]...",
        _wrapped(DESCRIPTION, width),
        "Options:\n" + _list(options, width),
        "Commands:\n" + _list(commands, width),
        _wrapped(f"Exit codes: {EXIT_CODES}", width),
    )
    return "\n\n".join(parts)


def _list(entries: dict[str, str], width: int) -> str:
    indent = max(map(len, entries)) + 4
    lines = (_wrapped(text, width, f"  {name}".ljust(indent), " " * indent) for name, text in entries.items())
    return "\n".join(lines)


def _wrapped(text: str, width: int, first: str = "  ", others: str = "  ") -> str:
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False, break_long_words=False
    )
