"""`meterline top`: how the suite is now, looked at again and again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from meterline.cli.calls import call_services
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_json_line, write
from meterline.cli.scraped import Look, look
from meterline.cli.status import ask_service, end_by_state
from meterline.cli.terminal import draw, is_redrawn, redrawn
from meterline.cli.top_figures import figures
from meterline.cli.top_picture import picture, plain_lines
from meterline.suite import context as contexts
from meterline.suite.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from meterline.client import AsyncClient

_ANSWER_S: Final = 3.0
"""A service that takes longer is shown as down; the others are not held up for longer than this."""
_NO_LOOK: Final = Look()
_NO_METRICS: Final = Look(problem="the context names no address of its metrics; docs/cli.md#meterline-top")


def top(
    interval_s: Annotated[
        float, typer.Option("--interval", min=0.5, max=3600, help="Seconds from one look to the next.")
    ] = 2.0,
    once: Annotated[  # noqa: FBT002 - an option of a command
        bool, typer.Option("--once", help="Look twice, an interval apart, and show that alone.")
    ] = False,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Watch the suite: rates, lag, freshness, latency and memory of each service, until Ctrl-C."""
    metrics = contexts.load(context).metrics

    async def watch(client: AsyncClient) -> list[dict[str, Any]]:
        looks = _looks(client, metrics, interval_s)
        if once:
            # What grows is known from the second look on.
            await anext(looks)
            document = await anext(looks)
            _show_once(document, output)
            return list(document["services"])
        if output is Output.TABLE and is_redrawn():
            with redrawn() as show:
                async for document in looks:
                    show(picture(document, interval_s))
        else:
            await anext(looks)
            async for document in looks:
                _write_lines(document, output)
        return []

    try:
        services = call_services(watch, context)
    except KeyboardInterrupt:
        # The way to end what never ends by itself is no interruption.
        return
    end_by_state(services)


async def _looks(client: AsyncClient, metrics: Mapping[str, str], interval_s: float) -> AsyncIterator[dict[str, Any]]:
    loop, before = asyncio.get_running_loop(), {spec.name: _NO_LOOK for spec in SERVICES}
    while True:
        began_at_s = loop.time()
        answers, now = await asyncio.gather(
            asyncio.gather(*(ask_service(client, name, _ANSWER_S) for name in before)),
            asyncio.gather(*(_metrics_look(metrics, name) for name in before)),
        )
        services = [
            {**answer, "metrics": figures(name, before[name], found)}
            for name, answer, found in zip(before, answers, now, strict=True)
        ]
        yield {"at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"), "services": services}
        before = dict(zip(before, now, strict=True))
        await asyncio.sleep(max(0.0, began_at_s + interval_s - loop.time()))


async def _metrics_look(metrics: Mapping[str, str], service: str) -> Look:
    return await look(metrics[service], _ANSWER_S) if service in metrics else _NO_METRICS


def _show_once(document: dict[str, Any], output: Output) -> None:
    if output is Output.TABLE:
        draw(picture(document))
    else:
        _write_lines(document, output)


def _write_lines(document: dict[str, Any], output: Output) -> None:
    if output is Output.JSON:
        print_json_line(document)
    elif output is Output.YAML:
        write("---")
        print_document(document, output)
    else:
        for line in plain_lines(document):
            write(line)
