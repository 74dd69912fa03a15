"""The command `evals`: the list of its commands, and what becomes of an error of this package."""

from typing import Any

import click

from evals.commands.cancel import cancel
from evals.commands.compare import compare
from evals.commands.options import HELP
from evals.commands.report import report
from evals.commands.resume import resume
from evals.commands.run import run
from evals.commands.verify import verify
from evals.failures import EvalsError
from evals.report.terminal import plain_lines


class Commands(click.Group):
    """A group of commands, each of which ends with one message at an error of this package."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises ClickException for an error; a message may quote a server."""
        try:
            return super().invoke(ctx)
        except EvalsError as error:
            raise click.ClickException(plain_lines(str(error))) from error


@click.group(cls=Commands, context_settings=HELP)
@click.version_option(package_name="evalshim", prog_name="evals")
def main() -> None:
    """Evaluate any OpenAI-compatible server."""


main.add_command(run)
main.add_command(report)
main.add_command(compare)
main.add_command(resume)
main.add_command(cancel)
main.add_command(verify)
