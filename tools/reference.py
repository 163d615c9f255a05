"""`python -m tools.reference` writes the pages that are derived from the code: docs/serve.md and docs/configs.md."""

from collections.abc import Iterable
from pathlib import Path

from message_queues.broker.configs.broker_configs import BROKER_CONFIGS
from message_queues.broker.configs.config_definition import ConfigDefinition
from message_queues.broker.configs.group_configs import GROUP_CONFIGS
from message_queues.broker.configs.topic_configs import TOPIC_CONFIGS
from message_queues.settings import FILE_VARIABLE, OPTIONS, Option

DOCS = Path(__file__).parents[1] / "docs"

SERVE = f"""\
# mq serve

Runs the server until SIGINT or SIGTERM. It prints its addresses once it listens.

Every option can be given as a flag, as an environment variable, or as a key of a TOML file that `--config-file FILE` or `{FILE_VARIABLE}`
names. The flag counts first, then the environment, then the file. Configurations of Kafka are merged one by one in the same order:

```toml
kafka_port = [9092, 9094, 9096]
brokers = 3

[config]
num.partitions = 3
auto.create.topics.enable = false
```

```sh
MQ_SERVE_CONFIG='num.partitions=3;auto.create.topics.enable=false' mq serve --data ./data
```

The exit code is 0 when it was stopped, 1 when it could not start or go on, 2 when it was wrongly called.

"""

CONFIGS = """\
# Configurations of Kafka

Every configuration of Apache Kafka 4.3 is known: an unknown name or a wrong value is refused as Kafka refuses it, and clients that ask
are told value, source, type and meaning. The server obeys those that are **bold**; the others change nothing in it.

"""


def serve_page() -> str:
    rows: list[tuple[str, ...]] = [("flag", "variable", "key", "default", "")]
    rows += [(flag(each), f"`{each.variable}`", f"`{each.name}`", default(each), each.sentence) for each in OPTIONS.values()]
    return SERVE + table(rows)


def flag(option: Option) -> str:
    return f"`{option.flag}`, `--no-{option.flag[2:]}`" if option.is_switch else f"`{option.flag} {option.metavar}`".replace("|", "\\|")


def default(option: Option) -> str:
    match option.default:
        case bool() as switch:
            return "yes" if switch else "no"
        case None | () | {}:
            return ""
        case tuple() as several:
            return ",".join(map(str, several))
        case value:
            return str(value)


def configs_page() -> str:
    sections = []
    for title, changes, catalogue in (
        ("Topics", False, TOPIC_CONFIGS),
        ("Brokers", True, BROKER_CONFIGS),
        ("Groups", False, GROUP_CONFIGS),
    ):
        rows: list[tuple[str, ...]] = [
            ("name", "type", "default", "valid values", "changes while it runs" if changes else "default from", "")
        ]
        rows += [config_row(known, changes) for known in catalogue.values() if not known.is_internal]
        sections.append(f"## {title}\n\n{table(rows)}")
    return CONFIGS + "\n".join(sections)


def config_row(known: ConfigDefinition, changes: bool) -> tuple[str, ...]:
    name = f"**{known.name}**" if known.is_obeyed else known.name
    scope = "no" if known.is_read_only else "for one broker" if known.is_per_broker else "for all or one"
    origin = scope if changes else ", ".join(each.name for each in known.synonyms)
    return name, known.type.name.lower(), known.default or "", known.values, origin, known.documentation


def table(rows: Iterable[tuple[str, ...]]) -> str:
    head, *body = rows
    lines = [head, tuple("---" for _ in head), *body]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


PAGES = {"serve.md": serve_page, "configs.md": configs_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
