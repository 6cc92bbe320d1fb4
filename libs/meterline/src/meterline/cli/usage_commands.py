"""`meterline usage` and the commands below it; `meterline usage METER` is short for `meterline usage show METER`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from meterline.cli.options import PlainGroup
from meterline.cli.usage_figures import heat, summary
from meterline.cli.usage_show import show
from meterline.cli.usage_watch import watch

if TYPE_CHECKING:
    from typer._click import Context


class _ShowsByDefault(PlainGroup):
    """Takes what is no command for the meter that is to be shown."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Read the arguments."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["show", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ShowsByDefault,
    help="Show the usage of a meter: `meterline usage METER` is short for `meterline usage show METER`.",
    add_completion=False,
    rich_markup_mode=None,
)
app.command("show")(show)
app.command("summary")(summary)
app.command("heat")(heat)
app.command("watch")(watch)
