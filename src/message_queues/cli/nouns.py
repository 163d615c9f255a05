"""The nouns of `mq` besides `serve`, and what it says of itself."""

from importlib.metadata import version
from typing import Annotated

import typer

from message_queues.cli.exchanges import exchanges
from message_queues.cli.groups import groups
from message_queues.cli.messages import consume, publish
from message_queues.cli.queues import queues
from message_queues.cli.sqs import sqs
from message_queues.cli.topics import topics

app = typer.Typer(
    name="mq", no_args_is_help=True, add_completion=False, help="A server of Kafka, RabbitMQ and Amazon SQS, and the three from a shell."
)


def show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mq {version('message-queues')}")
        raise typer.Exit


@app.callback()
def mq(
    wants_version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    pass


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    help="Run the server: see mq serve --help.",
)
def serve(context: typer.Context) -> None:
    # Reached only when an option stands before the noun; `main` takes the short way.
    from message_queues.cli.serve import serve as run

    raise typer.Exit(run(context.args))


app.add_typer(topics, name="topics")
app.add_typer(groups, name="groups")
app.add_typer(queues, name="queues")
app.add_typer(exchanges, name="exchanges")
app.add_typer(sqs, name="sqs")
app.command()(publish)
app.command()(consume)
