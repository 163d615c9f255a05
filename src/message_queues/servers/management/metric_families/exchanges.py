"""Of each exchange and virtual host."""

from message_queues.servers.management.metric_families.family import Family, Row, Subject, metrics


def exchange_publishes(subject: Subject) -> list[Row]:
    return [
        ({"vhost": name, "exchange": exchange.name}, (exchange.published_in,))
        for name, virtual_host in subject.node.broker.virtual_hosts.items()
        for exchange in virtual_host.exchanges.values()
    ]


def exchange_bindings(subject: Subject) -> list[Row]:
    return [
        ({"vhost": name, "exchange": exchange.name, "type": exchange.kind}, (len(virtual_host.bindings.of_source(exchange.name)),))
        for name, virtual_host in subject.node.broker.virtual_hosts.items()
        for exchange in virtual_host.exchanges.values()
    ]


def exchange_names(subject: Subject) -> list[Row]:
    return [({key: labels[key] for key in ("vhost", "exchange", "type")}, (1,)) for labels, _ in exchange_bindings(subject)]


def virtual_hosts(subject: Subject) -> list[Row]:
    return [({"vhost": name}, (1,)) for name in subject.node.broker.virtual_hosts]


EXCHANGE_METRICS = Family(
    "exchange_metrics",
    metrics(("exchange_messages_published_total", "counter", "Total number of messages published into an exchange")),
    exchange_publishes,
)
VHOST_STATUS = Family("vhost_status", metrics(("vhost_status", "gauge", "Whether a given vhost is running")), virtual_hosts)
EXCHANGE_BINDINGS = Family(
    "exchange_bindings",
    metrics(("exchange_bindings", "gauge", "Number of bindings for an exchange. This value is cluster-wide.")),
    exchange_bindings,
)
EXCHANGE_NAMES = Family(
    "exchange_names",
    metrics(
        (
            "exchange_name",
            "gauge",
            "Enumerates exchanges without any additional info. This value is cluster-wide. A cheaper alternative to `exchange_bindings`",
        )
    ),
    exchange_names,
)
