"""All topics of the broker, and what is published to them.

Changes follow the broker's way: a call checks and commits an event, and `apply` makes it true, now and in replay. Messages say what AWS
says, from "Invalid parameter: " on where it does so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from message_queues.broker.event import Event
from message_queues.broker.sns.archive import Archive
from message_queues.broker.sns.arns import FIFO_SUFFIX, LONGEST_NAME, NAME, TopicName, topic_name
from message_queues.broker.sns.deduplication import Deduplication
from message_queues.broker.sns.events import (
    SnsDataProtectionPolicySet,
    SnsKeyPairMade,
    SnsTopicAttributesSet,
    SnsTopicCreated,
    SnsTopicDeleted,
    SnsTopicTagged,
    SnsTopicUntagged,
)
from message_queues.broker.sns.message import Notification, Published, SnsMessage
from message_queues.broker.sns.ports import Deliver, Letters, SnsHome
from message_queues.broker.sns.subscribing import LARGE_MESSAGES
from message_queues.broker.sns.subscription import Subscription
from message_queues.broker.sns.subscriptions import Subscriptions, refused_as
from message_queues.broker.sns.topic import Topic
from message_queues.broker.sns.topic_attributes import DEFAULTS, checked
from message_queues.broker.sns.topic_policy import with_permission, without_permission
from message_queues.errors import AwsError, InvalidParameterValue, ResourceNotFound
from message_queues.storage.group_commit import Failures

MOST_TAGS: Final = 50
SWEEP_MS: Final = 3600 * 1000
"""So often is it looked for archived messages whose days are over."""


class SnsTopics:
    def __init__(self, home: SnsHome) -> None:
        self.by_arn: dict[str, Topic] = {}
        self.subscriptions = Subscriptions(home, self.by_arn, self._archive)
        self.key_pair: tuple[bytes, bytes] | None = None
        """Certificate and private key (PEM) of what is signed; made when the first message is."""
        self._home = home
        self._commit = home.commit
        self._archives: dict[str, Archive] = {}
        self._deduplications: dict[str, Deduplication] = {}
        self._made = 0
        self._is_served = False
        self.appliers: Mapping[type[Event], Callable[..., object]] = {
            **self.subscriptions.appliers,
            SnsTopicCreated: self._apply_created,
            SnsTopicDeleted: self._apply_deleted,
            SnsTopicAttributesSet: lambda event: self.by_arn[event.arn].change(event.changes),
            SnsDataProtectionPolicySet: self._apply_data_protection,
            SnsTopicTagged: lambda event: self.by_arn[event.arn].tags.update(event.tags),
            SnsTopicUntagged: self._apply_untagged,
            SnsKeyPairMade: self._apply_key_pair_made,
        }

    # Opening and closing

    def serve(self, letters: Letters, deliver: Deliver) -> None:
        """From now on messages can go out: what waits for that since an earlier life goes on. Raises StorageError and DamagedFile."""
        fan_out = self.subscriptions.fan_out
        fan_out.letters = letters
        if not self._is_served:
            self._is_served = True
            self.subscriptions.serve()
            self._sweep()
        fan_out.http.start(deliver)

    def close(self) -> None:
        self.subscriptions.fan_out.http.close()
        for archive in self._archives.values():
            archive.close()
        for deduplication in self._deduplications.values():
            deduplication.close()

    def keep_key_pair(self, certificate: bytes, private_key: bytes) -> None:
        self._commit([SnsKeyPairMade(certificate=certificate, private_key=private_key)])

    # Topics

    def create(
        self,
        region: str,
        account: str,
        name: str,
        attributes: Mapping[str, str],
        tags: Mapping[str, str],
        data_protection_policy: str | None = None,
    ) -> Topic:
        """The topic that is there, if it is like this one. Raises InvalidParameterValue and AwsError (TagLimitExceeded)."""
        is_fifo = _is_fifo(attributes)
        if not NAME.fullmatch(name) or len(name) > LONGEST_NAME or name.endswith(FIFO_SUFFIX) != is_fifo:
            raise InvalidParameterValue("Invalid parameter: Topic Name")
        with refused_as("Invalid parameter: Attributes Reason: "):
            wanted = {each: checked(each, value, is_fifo) for each, value in attributes.items() if each != "FifoTopic"}
        topic = TopicName(region, account, name)
        present = self.by_arn.get(topic.arn)
        if present is not None:
            return _same(present, wanted, tags)
        _check_tags(tags)
        self._commit(
            [
                SnsTopicCreated(
                    arn=topic.arn,
                    topic_id=uuid4().bytes,
                    created_ms=self._home.clock.now_ms(),
                    attributes={each: value for each, value in wanted.items() if value is not None},
                    tags=dict(tags),
                    data_protection_policy=data_protection_policy,
                )
            ]
        )
        return self.by_arn[topic.arn]

    def named(self, arn: str | None, parameter: str = "TopicArn") -> Topic:
        """Raises InvalidParameterValue and ResourceNotFound."""
        name = topic_name(arn, parameter)
        found = self.by_arn.get(name.arn)
        if found is None:
            raise ResourceNotFound("Topic does not exist")
        return found

    def delete(self, topic: Topic) -> None:
        self._commit([SnsTopicDeleted(arn=topic.arn)])

    def of(self, region: str, account: str) -> list[Topic]:
        return [topic for topic in self.by_arn.values() if topic.name.region == region and topic.name.account == account]

    def set_attribute(self, topic: Topic, name: str, value: str) -> None:
        with refused_as("Invalid parameter: "):
            kept_value = checked(name, value, topic.is_fifo)
        if name == "MaximumMessageSize":
            self._check_message_size(topic, kept_value)
        self._commit([SnsTopicAttributesSet(arn=topic.arn, changes={name: kept_value})])

    def _check_message_size(self, topic: Topic, value: str | None) -> None:
        # "A topic with a MaximumMessageSize above 256 KiB must have 100 or fewer subscriptions, and each must be an Amazon SQS,
        # Amazon Data Firehose, or Lambda subscription."
        subscriptions = topic.visible_subscriptions()
        is_large = value is not None and int(value) > int(DEFAULTS["MaximumMessageSize"])
        if is_large and (len(subscriptions) > 100 or any(each.protocol not in LARGE_MESSAGES for each in subscriptions)):
            raise InvalidParameterValue(
                "Invalid parameter: MaximumMessageSize Reason: above 256 KiB a topic must have 100 or fewer subscriptions, each of "
                f"{', '.join(LARGE_MESSAGES)}"
            )

    def set_data_protection_policy(self, topic: Topic, policy: str | None) -> None:
        self._commit([SnsDataProtectionPolicySet(arn=topic.arn, policy=policy)])

    def tag(self, topic: Topic, tags: Mapping[str, str]) -> None:
        _check_tags({**topic.tags, **tags})
        self._commit([SnsTopicTagged(arn=topic.arn, tags=dict(tags))])

    def untag(self, topic: Topic, keys: Sequence[str]) -> None:
        self._commit([SnsTopicUntagged(arn=topic.arn, keys=list(keys))])

    def add_permission(self, topic: Topic, label: str, accounts: Sequence[str], actions: Sequence[str]) -> None:
        """Raises InvalidParameterValue."""
        policy = with_permission(topic.policy, topic.name, label, accounts, actions)
        self._commit([SnsTopicAttributesSet(arn=topic.arn, changes={"Policy": policy})])

    def remove_permission(self, topic: Topic, label: str) -> None:
        self._commit([SnsTopicAttributesSet(arn=topic.arn, changes={"Policy": without_permission(topic.policy, label)})])

    def described(self, topic: Topic) -> dict[str, str]:
        found = topic.described()
        archive = self._archive(topic)
        if archive is not None:
            first_ms = archive.first_ms()
            found["BeginningArchiveTime"] = _iso(self._home.clock.now_ms() if first_ms is None else first_ms)
        return found

    # Messages

    def publish(self, topic: Topic, message: SnsMessage, base_url: str) -> Published:
        """Into the queues at once, durable with this turn's group commit; a checked message. Raises StorageError and DamagedFile."""
        now_ms = self._home.clock.now_ms()
        if not topic.is_fifo:
            notification = self._notification(topic, message, base_url, now_ms, None, None)
            self.subscriptions.fan_out.notify(topic, notification, self._live(topic))
            return Published(notification.message_id, None)
        deduplication_id = message.deduplication_id or message.content_id
        scope = message.group_id or "" if topic.attribute("FifoThroughputScope") == "MessageGroup" else ""
        deduplication = self._deduplication(topic)
        earlier = deduplication.earlier(scope, deduplication_id, now_ms)
        if earlier is not None:
            return earlier
        notification = self._notification(topic, message, base_url, now_ms, topic.next_sequence_number(now_ms), deduplication_id)
        published = Published(notification.message_id, notification.sequence_number)
        deduplication.note(scope, deduplication_id, published, now_ms)
        archive = self._archive(topic)
        position = archive.append(notification) if archive is not None else 0

        def stored(failures: Failures) -> None:
            if not failures:
                deduplication.keep(scope, deduplication_id)
                return
            # Whatever it was that failed: who published it is told so, and what comes again is to be no duplicate.
            deduplication.forget(scope, deduplication_id)
            if archive is not None:
                archive.withdraw(position)

        self._home.stores.group_commit.when_durable(stored)
        self.subscriptions.fan_out.notify(topic, notification, self._live(topic))
        return published

    def _live(self, topic: Topic) -> list[Subscription]:
        return [subscription for subscription in topic.subscriptions.values() if subscription.is_live]

    def _notification(
        self, topic: Topic, message: SnsMessage, base_url: str, now_ms: int, sequence_number: str | None, deduplication_id: str | None
    ) -> Notification:
        return Notification(
            topic_arn=topic.arn,
            message_id=str(uuid4()),
            timestamp_ms=now_ms,
            message=message,
            signature_version=topic.attribute("SignatureVersion"),
            base_url=base_url,
            sequence_number=sequence_number,
            deduplication_id=deduplication_id,
        )

    # What FIFO topics keep

    def _deduplication(self, topic: Topic) -> Deduplication:
        found = self._deduplications.get(topic.arn)
        if found is None:
            found = self._deduplications[topic.arn] = Deduplication(self._home.stores, f"{self._directory(topic)}/deduplication")
        return found

    def _archive(self, topic: Topic) -> Archive | None:
        if topic.archive_days is None:
            return None
        found = self._archives.get(topic.arn)
        if found is None:
            found = self._archives[topic.arn] = Archive(self._home.stores, f"{self._directory(topic)}/archive")
        return found

    def _directory(self, topic: Topic) -> str:
        return f"{self._home.directory}/{topic.topic_id.hex()}"

    def _sweep(self) -> None:
        now_ms = self._home.clock.now_ms()
        has_more = False
        for topic in self.by_arn.values():
            archive = self._archive(topic)
            if archive is not None and topic.archive_days is not None:
                has_more |= archive.sweep(now_ms, topic.archive_days)
        self._home.timers.at(now_ms + (1 if has_more else SWEEP_MS), self._sweep)

    # What has happened

    def _apply_created(self, event: SnsTopicCreated) -> None:
        self._made += 1
        self.by_arn[event.arn] = Topic(event, self._made)

    def _apply_deleted(self, event: SnsTopicDeleted) -> None:
        topic = self.by_arn.pop(event.arn)
        for subscription in topic.subscriptions.values():
            self.subscriptions.forget(subscription)
        archive = self._archives.pop(topic.arn, None)
        if archive is not None:
            archive.close()
        deduplication = self._deduplications.pop(topic.arn, None)
        if deduplication is not None:
            deduplication.close()
        self._home.remove_files(self._directory(topic))

    def _apply_data_protection(self, event: SnsDataProtectionPolicySet) -> None:
        self.by_arn[event.arn].data_protection_policy = event.policy

    def _apply_untagged(self, event: SnsTopicUntagged) -> None:
        for key in event.keys:
            self.by_arn[event.arn].tags.pop(key, None)

    def _apply_key_pair_made(self, event: SnsKeyPairMade) -> None:
        self.key_pair = event.certificate, event.private_key

    def state_events(self) -> Iterator[Event]:
        if self.key_pair is not None:
            yield SnsKeyPairMade(certificate=self.key_pair[0], private_key=self.key_pair[1])
        for topic in self.by_arn.values():
            yield topic.state()
        yield from self.subscriptions.state_events()


def _is_fifo(attributes: Mapping[str, str]) -> bool:
    given = attributes.get("FifoTopic", "false").lower()
    if given not in ("true", "false"):
        raise InvalidParameterValue(
            f"Invalid parameter: Attributes Reason: FifoTopic: Invalid value [{attributes['FifoTopic']}]. Must be true or false."
        )
    return given == "true"


def _same(present: Topic, wanted: Mapping[str, str | None], tags: Mapping[str, str]) -> Topic:
    if any(value != present.attributes.get(name, DEFAULTS.get(name)) for name, value in wanted.items()):
        raise InvalidParameterValue("Invalid parameter: Attributes Reason: Topic already exists with different attributes")
    if any(present.tags.get(key) != value for key, value in tags.items()):
        raise InvalidParameterValue("Invalid parameter: Tags Reason: Topic already exists with different tags")
    return present


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise AwsError("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
