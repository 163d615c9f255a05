"""`python -m message_queues` is `mq`."""

from message_queues.cli import main

main()
