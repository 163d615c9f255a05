"""What every durable fact is: a value that the journal stores and `apply` makes true."""

import msgspec


class Event(msgspec.Struct, frozen=True):
    """The root of all events. Each subclass is `class TopicCreated(Event, frozen=True, tag="TopicCreated")`."""
