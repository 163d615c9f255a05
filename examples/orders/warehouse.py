"""A processor's own database: stock that was reserved, payments that were taken, and every order that was seen.

An order is one transaction, committed before its message is acknowledged. So a message that comes again, because the broker or
the processor died in between, is recognised: it is counted, and neither reserves nor charges a second time.
"""

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, total_cents INTEGER NOT NULL, times_seen INTEGER NOT NULL, latency_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, reserved INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS payments (method TEXT PRIMARY KEY, taken_cents INTEGER NOT NULL) WITHOUT ROWID;
"""


class WrongTotal(ValueError):
    """An order whose lines do not add up: not what the shop published."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    sku: str
    quantity: int
    price_cents: int


@dataclass(frozen=True, slots=True)
class ReceivedOrder:
    """An order as it came out of its JSON."""

    order_id: str
    payment: str
    total_cents: int
    lines: Sequence[OrderLine]


class Warehouse:
    """One connection for all workers of a process; each order is a transaction under the lock."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # Write-ahead logging, without waiting for the disk: what must survive here is a killed broker, not a power cut.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.executescript(SCHEMA)

    def take(self, order: ReceivedOrder, latency_us: int) -> bool:
        """Reserve and charge, once per order. False when this order had been taken before."""
        if order.total_cents != sum(line.quantity * line.price_cents for line in order.lines):
            raise WrongTotal(f"order {order.order_id} does not add up to {order.total_cents}")
        with self._lock:
            self._database.execute("BEGIN")
            try:
                is_new = self._note(order, latency_us)
                if is_new:
                    self._reserve_and_charge(order)
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
            return is_new

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _note(self, order: ReceivedOrder, latency_us: int) -> bool:
        (times_seen,) = self._database.execute(
            "INSERT INTO orders VALUES (?, ?, 1, ?) ON CONFLICT (order_id) DO UPDATE SET times_seen = times_seen + 1 RETURNING times_seen",
            (order.order_id, order.total_cents, latency_us),
        ).fetchone()
        return bool(times_seen == 1)

    def _reserve_and_charge(self, order: ReceivedOrder) -> None:
        self._database.executemany(
            "INSERT INTO stock VALUES (?, ?) ON CONFLICT (sku) DO UPDATE SET reserved = reserved + excluded.reserved",
            [(line.sku, line.quantity) for line in order.lines],
        )
        self._database.execute(
            "INSERT INTO payments VALUES (?, ?) ON CONFLICT (method) DO UPDATE SET taken_cents = taken_cents + excluded.taken_cents",
            (order.payment, order.total_cents),
        )


@dataclass(frozen=True, slots=True)
class SeenOrder:
    order_id: str
    total_cents: int
    times_seen: int
    latency_us: int
    """Of the first time."""
    processors: int = 1
    """How many processors have seen it."""

    def seen_again(self, other: "SeenOrder") -> "SeenOrder":
        """Together with what another processor has seen of it."""
        return SeenOrder(
            self.order_id,
            self.total_cents,
            self.times_seen + other.times_seen,
            min(self.latency_us, other.latency_us),
            self.processors + other.processors,
        )


def seen_orders(path: Path) -> list[SeenOrder]:
    """Everything a processor has seen, read from outside."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return [SeenOrder(*row) for row in database.execute("SELECT order_id, total_cents, times_seen, latency_us FROM orders")]
    finally:
        database.close()


def reserved_and_taken(path: Path) -> tuple[int, int]:
    """Articles reserved and cents taken by a processor."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        (reserved,) = database.execute("SELECT COALESCE(SUM(reserved), 0) FROM stock").fetchone()
        (taken,) = database.execute("SELECT COALESCE(SUM(taken_cents), 0) FROM payments").fetchone()
        return int(reserved), int(taken)
    finally:
        database.close()
