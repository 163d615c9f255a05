"""Points in time as the management API writes them."""

from datetime import UTC, datetime


def rfc3339(ms: int) -> str:
    """`2026-11-24T15:02:07.085+00:00`"""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def plain(ms: int) -> str:
    """`2026-11-24 15:02:07`"""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
