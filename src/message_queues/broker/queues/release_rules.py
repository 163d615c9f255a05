"""Where releases of RabbitMQ differ in quorum queues, consumer time-outs and dead letters (rabbit_fifo versions 3, 4 and 8)."""

from dataclasses import dataclass

from message_queues.broker.queues.dead_letter import DeathCustoms
from message_queues.broker.queues.version import RabbitVersion


@dataclass(frozen=True, slots=True)
class QuorumRules:
    levels: int
    """32: as many priorities, the strict order of 4.3. 2: the high and the normal ones of 4.0 to 4.2. 1: none before."""
    counts_every_return: bool
    """x-delivery-count counts each return (until 3.13), not only failures: what a closed channel held."""
    limits_acquisitions: bool
    """The delivery limit is one of x-acquired-count (4.0 to 4.2)."""
    counts_rejections: bool
    """A message that comes back by basic.reject counts as a failure, one by basic.nack does not: since 4.3."""
    tells_acquired_count: bool
    """x-acquired-count: since 4.0."""
    hands_over_activity: bool
    """A consumer of a higher priority takes the place of the single active one: since 4.0."""
    delays_retries: bool
    """x-delayed-retry-…: since 4.3."""
    releases_late_deliveries: bool
    """A consumer that is late loses its messages and its subscription, instead of its channel: since 4.3."""


def quorum_rules(version: RabbitVersion) -> QuorumRules:
    release = version.pair
    return QuorumRules(
        levels=32 if release >= (4, 3) else 2 if release >= (4, 0) else 1,
        counts_every_return=release < (4, 0),
        limits_acquisitions=(4, 0) <= release < (4, 3),
        counts_rejections=release >= (4, 3),
        tells_acquired_count=release >= (4, 0),
        hands_over_activity=release >= (4, 0),
        delays_retries=release >= (4, 3),
        releases_late_deliveries=version.cancels_late_consumers,
    )


def death_customs(version: RabbitVersion) -> DeathCustoms:
    release = version.pair
    return DeathCustoms(trusts_publishers=release < (4, 0), names_last=release >= (3, 13), keeps_copies=release >= (3, 13))
