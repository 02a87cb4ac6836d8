"""`python -m deploy up` and `down`, which `make deploy` and `make undeploy` call."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from chalicelib.errors import ChartlakeError
from chalicelib.text import counted

from .package import build, lint
from .stack import CannotDeploy, Change, Stack

_SIGNS = {"Add": "+", "Modify": "~", "Remove": "-", "Import": "<"}


class _Commands(click.Group):
    """Turns every error of ours into words and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ChartlakeError as error:
            raise click.ClickException(f"{error.message}\n{error.advice}") from None


@click.group(cls=_Commands)
def main() -> None:
    """Deploy chartlake as one CloudFormation stack, or remove it."""


@main.command()
@click.option("--stage", default="prod", show_default=True)
@click.option("--email", default="", help="Where alarms and the budget write to.")
@click.option("--budget", type=click.IntRange(min=0), help="USD a month for the account; 0: a mail at the first cent.")
@click.option("--raw-days", type=click.IntRange(min=0), help="Days that raw answers are kept; 0: for ever.")
@click.option("--queue", type=bool, help="Spread the lists over workers (1), or not (0).")
@click.option("--yes", is_flag=True, help="Do not ask before the change.")
def up(stage: str, email: str, budget: int | None, raw_days: int | None, queue: bool | None, yes: bool) -> None:
    """Package, lint, show what would change, change it.

    Budget, raw days and queue that are not given stay as the stack has them; a new one gets 5 USD, keeps raw for ever,
    and has no queue.
    """
    if "@" not in email:
        raise CannotDeploy(
            "EMAIL is missing: the alarms must reach somebody.", advice="make deploy EMAIL=you@example.org"
        )
    stack = Stack(stage)
    click.echo(f"Account {stack.account}, region {stack.region}, stack {stack.name}")
    spread = stack.has_queue() if queue is None else queue
    with tempfile.TemporaryDirectory() as folder:
        package = build(stage, Path(folder), queue=spread)
        lint(package.template, Path(folder))
        click.echo(f"Bundle: {package.bundle.stat().st_size / 1e6:.1f} MB; the linters are content.")
        template_url = stack.upload(package.template, package.bundle)
    settings = chosen({"MonthlyBudget": budget, "RawRetentionDays": raw_days}, stack.parameters(), package.template)
    click.echo(f"Budget: {settings['MonthlyBudget']} USD a month (BUDGET).")
    click.echo(f"Raw answers are kept for {_span(settings['RawRetentionDays'])} (RAW_DAYS).")
    if spread:
        click.echo(_words_on_queue(package.template))
    parameters = settings | {
        "Stage": stage,
        "Email": email,
        "SecretName": f"/chartlake/{stage}/spotify",
        "MakeApiLogsRole": "no" if stack.gateway_may_log() else "yes",
    }
    change_set, changes = stack.propose(template_url, parameters)
    if not changes:
        click.echo("Nothing to change.")
        show_next_steps(stack, stack.outputs(), email)
        return
    for change in changes:
        click.echo(line_of(change))
    if not yes:
        click.confirm("Make these changes?", abort=True)
    show_next_steps(stack, stack.execute(change_set), email)


@main.command()
@click.option("--stage", default="prod", show_default=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
def down(stage: str, yes: bool) -> None:
    """Remove everything but the bucket with the data."""
    stack = Stack(stage)
    if not yes:
        click.confirm(f"Remove the stack {stack.name} (the bucket and its data stay)?", abort=True)
    bucket = stack.remove()
    if bucket is None:
        click.echo(f"There is no stack {stack.name} in {stack.region}.")
        return
    click.echo(f"The stack {stack.name} is gone; the bucket {bucket} and all its data are still there.")
    click.echo(
        f"So are the parameter /chartlake/{stage}/spotify, the bucket of the uploads (each is forgotten after 30 days) "
        "and the role with which API Gateway writes logs, if it was made here: other APIs may use it."
    )
    click.echo(
        f"`make deploy STAGE={stage}` takes the bucket back. To delete it too, choose “Empty” in the S3 console, which "
        f"takes earlier versions along (`aws s3 rm` does not), and then: aws s3 rb s3://{bucket}"
    )


def chosen(given: Mapping[str, int | None], standing: Mapping[str, str], template: Mapping[str, Any]) -> dict[str, str]:
    """Each parameter's value: the one given, else the one that the stack has, else the template's default."""
    return {
        name: str(standing.get(name, template["Parameters"][name]["Default"]) if value is None else value)
        for name, value in given.items()
    }


def _words_on_queue(template: Mapping[str, Any]) -> str:
    worker = template["Resources"]["Lists"]["Properties"]
    (source,) = worker["Events"].values()
    workers = source["Properties"]["ScalingConfig"]["MaximumConcurrency"]
    rate = worker["Environment"]["Variables"]["CHARTLAKE_RATE"]
    return (
        f"Lists are spread over {workers} workers of {rate} requests a second each (QUEUE). Below some hundreds of "
        "lists nobody needs that: one function reads them within minutes. QUEUE=0 takes it away."
    )


def _span(days: str) -> str:
    return "ever" if days == "0" else counted(int(days), "day")


def line_of(change: Change) -> str:
    """A change as a person reads it."""
    warning = "  (replaced: the old one is removed)" if change.replaced else ""
    return f"  {_SIGNS.get(change.action, '?')} {change.name}  {change.kind}{warning}"


def show_next_steps(stack: Stack, outputs: dict[str, str], email: str) -> None:
    """What was made, and what a person does next."""
    click.echo(f"URL:    {outputs.get('EndpointURL', 'unknown')}")
    click.echo(f"Bucket: {outputs.get('LakeBucket', 'unknown')}")
    click.echo("Next:")
    click.echo(f"  1. Confirm the subscription in the mail to {email}.")
    click.echo(
        f"  2. aws ssm put-parameter --type SecureString --name /chartlake/{stack.stage}/spotify --value "
        '\'{"client_id": "…", "client_secret": "…"}\''
    )
    click.echo(
        "  3. echo 'https://open.spotify.com/playlist/…' | aws s3 cp - "
        f"s3://{outputs.get('LakeBucket', stack.lake)}/chartlake/config/playlists.txt"
    )
    # Not `daily`: Chalice fails on an event that is not EventBridge's own. https://github.com/aws/chalice/issues/1291
    # The command line hangs up after 60 s and starts the function once more, unless it is told to wait.
    click.echo(f"  4. aws lambda invoke --cli-read-timeout 0 --function-name {stack.name}-extract /dev/stdout")
    click.echo(
        f"  5. CHARTLAKE_LAKE=s3://{outputs.get('LakeBucket', stack.lake)}/chartlake "
        f"CHARTLAKE_SECRET=/chartlake/{stack.stage}/spotify .venv/bin/chartlake doctor"
    )


if __name__ == "__main__":
    main()
