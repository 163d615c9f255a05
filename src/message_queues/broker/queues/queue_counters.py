"""What has happened to a queue's messages since the server started."""

from message_queues.broker.queues.dead_letter import EXPIRED, MAXLEN, REJECTED


class QueueCounters:
    __slots__ = (
        "acknowledged", "dead_lettered_delivery_limit", "dead_lettered_expired", "dead_lettered_maxlen", "dead_lettered_rejected",
        "delivered", "delivered_no_ack", "dropped_delivery_limit", "dropped_expired", "dropped_maxlen", "dropped_rejected", "get_empty",
        "got", "got_no_ack", "published", "redelivered", "refused",
    )  # fmt: skip

    def __init__(self) -> None:
        self.published = 0
        self.refused = 0
        self.delivered = self.delivered_no_ack = self.redelivered = self.acknowledged = 0
        self.got = self.got_no_ack = self.get_empty = 0
        self.dead_lettered_rejected = self.dead_lettered_expired = self.dead_lettered_maxlen = self.dead_lettered_delivery_limit = 0
        self.dropped_rejected = self.dropped_expired = self.dropped_maxlen = self.dropped_delivery_limit = 0

    def count_dead(self, reason: str, count: int, is_dead_lettered: bool) -> None:
        if reason == EXPIRED:
            self.dead_lettered_expired += count * is_dead_lettered
            self.dropped_expired += count * (not is_dead_lettered)
        elif reason == MAXLEN:
            self.dead_lettered_maxlen += count * is_dead_lettered
            self.dropped_maxlen += count * (not is_dead_lettered)
        elif reason == REJECTED:
            self.dead_lettered_rejected += count * is_dead_lettered
            self.dropped_rejected += count * (not is_dead_lettered)
        else:
            self.dead_lettered_delivery_limit += count * is_dead_lettered
            self.dropped_delivery_limit += count * (not is_dead_lettered)
