"""What became of the orders, by the publisher's tally and the databases of the processors, once these have stopped."""

from collections.abc import Sequence
from dataclasses import dataclass

from examples.orders.order import Plan, orders
from examples.orders.processors import Books, ProcessorProcess, processed_orders
from examples.orders.screen import Screen
from examples.orders.tally import Tally
from examples.orders.warehouse import SeenOrder

SHOWN = 10
"""Of the orders that were lost or refused."""


@dataclass(frozen=True, slots=True)
class Durations:
    published_s: float
    processed_s: float
    recovered_s: float
    """From the kill until all was well again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    plan: Plan
    tally: Tally
    seen: dict[str, SeenOrder]
    books: Books

    @classmethod
    def of(cls, plan: Plan, tally: Tally, processors: Sequence[ProcessorProcess]) -> "Outcome":
        seen = processed_orders(processors)
        published = {order.order_id: order for order in orders(plan.orders, plan.seed)}
        return cls(plan, tally, seen, Books.of(processors, seen, published))

    @property
    def lost(self) -> list[str]:
        return sorted(self.tally.acknowledged.keys() - self.seen.keys())

    def orders(self) -> list[tuple[str, str]]:
        """Rows of a table."""
        tally, books = self.tally, self.books
        return [
            ("published", f"{self.plan.orders:,}"),
            (tally.taken, f"{len(tally.acknowledged):,}"),
            ("refused", f"{len(tally.refused):,}"),
            ("processed", f"{len(self.seen):,}"),
            (f"{tally.taken} and not processed", f"{len(self.lost):,}"),
            ("processed more than once", f"{sum(order.times_seen > 1 for order in self.seen.values()):,}"),
            ("articles reserved, cents taken", f"{books.reserved:,}, {books.taken:,}" + ("" if books.agree else "  (WRONG)")),
        ]

    def speed(self, took: Durations) -> list[tuple[str, str]]:
        """Rows of a table."""
        return [
            ("published", f"{self.plan.orders / took.published_s:,.0f} messages/s"),
            ("processed", f"{len(self.seen) / took.processed_s:,.0f} messages/s"),
        ]

    def judge(self, screen: Screen, left: int) -> bool:
        """Whether it held, said; `left` are the messages that the broker has still to give."""
        held = not self.lost and not left and not self.tally.refused and self.books.agree
        screen.say(f"It held: every {self.tally.taken} order was processed." if held else "IT DID NOT HOLD.")
        for order_id in self.lost[:SHOWN]:
            screen.say(f"lost: {order_id}")
        for refusal in self.tally.refused[:SHOWN]:
            screen.say(f"refused: {refusal}")
        return held
