"""Lists that are read a hundred at a time."""

from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

from message_queues.errors import InvalidParameterValue

PAGE: Final = 100


class Numbered(Protocol):
    @property
    def number(self) -> int: ...


T = TypeVar("T", bound=Numbered)


def page_of(things: Iterable[T], next_token: str | None) -> tuple[list[T], str | None]:
    """The next hundred, and the token for what follows: the number of the last, so that what goes meanwhile makes none be missed.

    Raises InvalidParameterValue.
    """
    token = next_token or "0"
    if not token.isascii() or not token.isdigit() or len(token) > 20:
        raise InvalidParameterValue("Invalid parameter: NextToken")
    rest = sorted((thing for thing in things if thing.number > int(token)), key=lambda thing: thing.number)
    page = rest[:PAGE]
    return page, str(page[-1].number) if len(rest) > PAGE else None
