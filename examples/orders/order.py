"""Orders of an invented shop, the same ones for the same seed.

Few articles make most of the sales, few customers order often, and amounts are whole cents: totals can be compared exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

ADJECTIVES = ("oak", "steel", "linen", "copper", "glass", "wool", "cork", "slate", "walnut", "ceramic")
NOUNS = ("desk", "lamp", "chair", "kettle", "rug", "shelf", "clock", "mug", "bowl", "blanket", "mirror", "stool")
COUNTRIES = ("DE", "FR", "NL", "PL", "ES", "IT", "AT", "SE")
PAYMENTS = ("card", "card", "card", "invoice", "wallet")
CUSTOMERS = 20_000
POPULARITY = 1.1
"""Exponent of the articles' popularity: the n-th sells as 1/n to this power."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many orders are published, how fast, and which."""

    orders: int
    rate: int
    """A second."""
    seed: int


@dataclass(frozen=True, slots=True)
class Article:
    sku: str
    price_cents: int


@dataclass(frozen=True, slots=True)
class Line:
    sku: str
    quantity: int
    price_cents: int


@dataclass(frozen=True, slots=True)
class Order:
    """What a customer bought. As a dataclass it is published as JSON."""

    order_id: str
    customer: str
    country: str
    payment: str
    lines: tuple[Line, ...]
    total_cents: int


def catalogue() -> list[Article]:
    chance = Random("catalogue")
    names = [f"{adjective}-{noun}" for noun in NOUNS for adjective in ADJECTIVES]
    return [Article(name, chance.randrange(500, 40_000)) for name in names]


def orders(count: int, seed: int) -> Iterator[Order]:
    chance = Random(seed)
    articles = catalogue()
    weights = [1 / (rank + 1) ** POPULARITY for rank in range(len(articles))]
    for number in range(count):
        chosen = chance.choices(articles, weights, k=chance.choice((1, 1, 1, 2, 2, 3, 4)))
        lines = tuple(Line(article.sku, chance.choice((1, 1, 1, 2, 3)), article.price_cents) for article in chosen)
        yield Order(
            order_id=f"{seed}-{number:06d}",
            customer=f"customer-{int(CUSTOMERS * chance.random() ** 2)}",
            country=chance.choice(COUNTRIES),
            payment=chance.choice(PAYMENTS),
            lines=lines,
            total_cents=sum(line.quantity * line.price_cents for line in lines),
        )
