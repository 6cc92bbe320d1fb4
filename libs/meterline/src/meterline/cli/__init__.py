"""The `meterline` command: the suite from a terminal."""

from __future__ import annotations

import sys

from meterline.cli import front


def main() -> None:
    """Run the command line."""
    answer = front.answer(sys.argv[1:])
    if answer is not None:
        sys.stdout.write(answer + "\n")
        return
    try:
        # Here, not above: the SDK alone brings the command but not what it stands on.
        from meterline.cli.app import main as run  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "typer":
            raise
        sys.stderr.write("error: the command line is not installed; run `pip install 'meterline[cli]'`\n")
        raise SystemExit(2) from None
    run()
