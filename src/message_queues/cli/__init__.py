"""`mq`: one command for everything. `mq serve` is parsed without the others' packages, because tests start it all the time."""

import sys


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["serve"]:
        from message_queues.cli.serve import serve

        sys.exit(serve(arguments[1:]))
    try:
        from message_queues.cli.nouns import app
    except ModuleNotFoundError as error:
        sys.exit(f"mq: the package {error.name} is missing: pip install 'message-queues[server]'")
    app(prog_name="mq")
