"""A real Apache Kafka (KRaft) on loopback, from Maven Central: `KafkaCluster` in Python, `python -m tools.kafka` in a shell."""

from tools.kafka.cluster import KafkaCluster
from tools.kafka.installation import CannotInstall, class_path, install

__all__ = ["CannotInstall", "KafkaCluster", "class_path", "install"]
