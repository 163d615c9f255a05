"""Which RabbitMQ the server is: the facts in which its releases differ."""

from dataclasses import dataclass
from typing import Final

from message_queues.errors import InvalidArgument

MIB: Final = 1024 * 1024
RELEASES: Final = {(3, 10): "3.10.8", (3, 13): "3.13.7", (4, 0): "4.0.9", (4, 2): "4.2.1", (4, 3): "4.3.5"}
"""The releases that are known, each with the version that it says it is unless told another of it."""
HALF_AN_HOUR_MS: Final = 1_800_000


@dataclass(frozen=True, slots=True)
class RabbitVersion:
    pair: tuple[int, int]
    """Major and minor."""
    text: str
    """"4.3.0"."""

    @property
    def message_string(self) -> str:
        return self.text

    @property
    def is_4(self) -> bool:
        return self.pair >= (4, 0)

    @property
    def transient_queues_refused(self) -> bool:
        """Queues that are neither durable nor exclusive (4.3: the deprecated feature is denied)."""
        return self.pair >= (4, 3)

    @property
    def global_qos_ignored(self) -> bool:
        return self.pair >= (4, 3)

    @property
    def default_delivery_limit(self) -> int | None:
        return 20 if self.is_4 else None

    @property
    def consumer_timeout_ms(self) -> int:
        return HALF_AN_HOUR_MS

    @property
    def cancels_late_consumers(self) -> bool:
        """A consumer of a quorum queue that is late is cancelled, where its client can hear of it; else its channel is closed."""
        return self.pair >= (4, 3)

    @property
    def max_message_bytes(self) -> int:
        return 16 * MIB if self.is_4 else 128 * MIB

    @property
    def refuses_wrong_sizes(self) -> bool:
        """A message body longer than its header says, or of more than 512 MiB: since 4.2.6; before, it was waited for."""
        return self.pair >= (4, 3)

    @property
    def initial_frame_max(self) -> int:
        """Largest frame before connection.tune-ok."""
        return 8192 if self.pair >= (4, 1) else 4096

    @property
    def frame_min_size(self) -> int:
        """Smallest frame_max that a client may ask for."""
        return 8192 if self.pair >= (4, 1) else 4096

    @property
    def offers_anonymous(self) -> bool:
        return self.is_4

    @property
    def routes_direct_replies(self) -> bool:
        """A mandatory message to a direct reply-to that is taken counts as routed: since 4.2."""
        return self.pair >= (4, 2)

    @property
    def passive_declarations_need_permission(self) -> bool:
        """Any permission on what is looked at: of the current release."""
        return self.pair >= (4, 3)


def rabbit_version(text: str) -> RabbitVersion:
    """From "4.3" or "4.3.0"; raises InvalidArgument for a release that is not known."""
    words = text.split(".")
    pair = (int(words[0]), int(words[1])) if 2 <= len(words) <= 3 and all(word.isdecimal() for word in words) else None
    if pair is None or pair not in RELEASES:
        known = ", ".join(f"{major}.{minor}" for major, minor in RELEASES)
        raise InvalidArgument(f"the RabbitMQ version {text!r} is not known; known are {known}")
    return RabbitVersion(pair, text if len(words) == 3 else RELEASES[pair])
