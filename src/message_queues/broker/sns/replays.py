"""Replays: a subscription to a FIFO topic gets once more what the topic's archive has.

https://docs.aws.amazon.com/sns/latest/dg/message-archiving-and-replay-subscriber.html: "Pending – the default state while the replay
initiates"; "In progress"; "Completed – the replay has successfully redelivered all messages, and is now delivering newly published
messages. If an ending point was specified … the subscription will no longer receive newly published messages"; "Failed".

A chunk of the archive and how far it has come are stored in one group commit, so that a restart goes on where it was. What is published
meanwhile comes by way of the archive, so that nothing overtakes.
"""

from typing import Final

from message_queues.broker.sns.archive import Archive, ArchivedMessage, notification_of
from message_queues.broker.sns.events import SnsReplay, SnsReplayProgressed
from message_queues.broker.sns.fan_out import FanOut
from message_queues.broker.sns.ports import SnsHome
from message_queues.broker.sns.subscription import REPLAY_OVER, Subscription
from message_queues.broker.sns.topic import Topic

PENDING: Final = "Pending"
IN_PROGRESS: Final = "In progress"
COMPLETED: Final = "Completed"
FAILED: Final = "Failed"

_CHUNK: Final = 100


class Replays:
    def __init__(self, home: SnsHome, fan_out: FanOut) -> None:
        self._home = home
        self._fan_out = fan_out

    def run(self, topic: Topic, subscription: Subscription, archive: Archive | None) -> bool:
        """Replays some; whether there is more."""
        replay, policy = subscription.replay, subscription.settings.replay
        if replay is None or replay.status in REPLAY_OVER or policy is None:
            return False
        if archive is None:
            self._note(subscription, SnsReplay(replay.position, FAILED))
            return False
        found = archive.read(replay.position, _CHUNK)
        starts_ms, ends_ms = policy.starts_ms, policy.ends_ms
        wanted = [
            archived for _, archived in found if starts_ms <= archived.timestamp_ms and (ends_ms is None or archived.timestamp_ms < ends_ms)
        ]
        for archived in wanted:
            self._replay(topic, subscription, archived)
        is_over = not found or (ends_ms is not None and found[-1][1].timestamp_ms >= ends_ms)
        position = found[-1][0] + 1 if found else replay.position
        self._note(subscription, SnsReplay(position, COMPLETED if is_over else IN_PROGRESS))
        return not is_over

    def _replay(self, topic: Topic, subscription: Subscription, archived: ArchivedMessage) -> None:
        notification = notification_of(archived, topic.arn, topic.attribute("SignatureVersion"))
        self._fan_out.notify(topic, notification, [subscription])

    def _note(self, subscription: Subscription, replay: SnsReplay) -> None:
        self._home.commit([SnsReplayProgressed(arn=subscription.arn, replay=replay)])
