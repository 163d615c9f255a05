"""The orders demo: its parts, and the whole of it with fewer orders."""

import subprocess
import sys
from pathlib import Path

import pytest

from examples.orders.order import orders
from examples.orders.warehouse import OrderLine, ReceivedOrder, Warehouse, WrongTotal, reserved_and_taken, seen_orders

ROOT = Path(__file__).resolve().parents[2]
ORDER = ReceivedOrder("1-000001", "card", 700, [OrderLine("oak-desk", 2, 300), OrderLine("wool-rug", 1, 100)])


def test_a_seed_gives_the_same_orders_and_another_seed_gives_others() -> None:
    assert list(orders(50, seed=1)) == list(orders(50, seed=1))
    assert list(orders(50, seed=1)) != list(orders(50, seed=2))


def test_orders_have_ids_of_their_own_and_add_up() -> None:
    made = list(orders(2_000, seed=3))
    assert len({order.order_id for order in made}) == len(made)
    assert all(order.total_cents == sum(line.quantity * line.price_cents for line in order.lines) for order in made)


def test_an_order_that_comes_again_is_counted_and_neither_reserved_nor_charged_again(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.sqlite")
    assert warehouse.take(ORDER, latency_us=10)
    assert not warehouse.take(ORDER, latency_us=20)
    warehouse.close()
    (seen,) = seen_orders(tmp_path / "warehouse.sqlite")
    assert (seen.times_seen, seen.latency_us) == (2, 10)
    assert reserved_and_taken(tmp_path / "warehouse.sqlite") == (3, 700)


def test_an_order_that_does_not_add_up_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.sqlite")
    with pytest.raises(WrongTotal, match="1-000001"):
        warehouse.take(ReceivedOrder("1-000001", "card", 699, ORDER.lines), latency_us=10)
    warehouse.close()
    assert seen_orders(tmp_path / "warehouse.sqlite") == []


def test_the_demo_holds_with_fewer_orders_and_says_so_in_plain_lines() -> None:
    command = [sys.executable, "-m", "examples.orders.demo", "--orders", "6000", "--rate", "6000"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "It held: every acknowledged order was processed." in done.stdout
    assert "  acknowledged and not processed: 0\n" in done.stdout
    assert "It held: every confirmed order was processed." in done.stdout
    assert "  confirmed and not processed: 0\n" in done.stdout
    assert "It held: every accepted order came out of both queues." in done.stdout
    assert "  received from billing.fifo: 150\n" in done.stdout
    assert "  received from notifications: 150\n" in done.stdout
    assert "  accepted and lost: 0\n" in done.stdout
    assert "  out of order in billing.fifo: 0\n" in done.stdout
    assert "\x1b" not in done.stdout
