"""`mq`: one command for everything. `mq serve` is parsed without the others' packages, because tests start it all the time."""

import sys


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["serve"]:
        from message_queues.cli.serve import serve

        sys.exit(serve(arguments[1:]))
    from message_queues.cli.nouns import app

    app(prog_name="mq")
