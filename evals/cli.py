"""The command `evals`: the list of its commands."""

import click

from evals.commands.compare import compare
from evals.commands.options import HELP
from evals.commands.report import report
from evals.commands.resume import resume
from evals.commands.run import run
from evals.commands.verify import verify


@click.group(context_settings=HELP)
@click.version_option(package_name="evalshim", prog_name="evals")
def main() -> None:
    """Evaluate any OpenAI-compatible server."""


main.add_command(run)
main.add_command(report)
main.add_command(compare)
main.add_command(resume)
main.add_command(verify)
