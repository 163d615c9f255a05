"""Lists of the management API: sorting, columns, pages.

    ?sort=a.b&sort_reverse=true      by a value inside; what has none comes first, as 0
    ?columns=name,message_stats.ack  only these
    ?page=1&page_size=100&name=…&use_regex=true
                                     one page, in an envelope; only some lists have pages, and only these filter by name

An object that columns leave nothing of is `[]`: to Erlang an empty object is an empty list, and so RabbitMQ answers.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from message_queues.servers.management.answers import Refused

Item = dict[str, object]
Columns = list[list[str]]

DEFAULT_PAGE_SIZE = 100
LARGEST_PAGE_SIZE = 500
LONGEST_REGEX = 1024

INVALID_PAGINATION = "Pagination parameters are invalid"


class Page:
    """What a caller wants of a list that has pages."""

    def __init__(self, number: int, size: int, name: str, use_regex: bool) -> None:
        self.number = number
        self.size = size
        self._matches = name_filter(name, use_regex) if name else None

    def cut(self, items: list[Item]) -> Item:
        matches = self._matches
        filtered = items if matches is None else [item for item in items if matches(str(item.get("name", "")))]
        start = (self.number - 1) * self.size
        if start > len(filtered):
            reason = f"Page out of range, page: {self.number} page size: {self.size}, len: {len(filtered)}"
            raise Refused(400, "page_out_of_range", reason)
        page = filtered[start : start + self.size]
        return {
            "filtered_count": len(filtered),
            "item_count": len(page),
            "items": page,
            "page": self.number,
            "page_count": (len(filtered) + self.size - 1) // self.size,
            "page_size": self.size,
            "total_count": len(items),
        }


def name_filter(name: str, use_regex: bool) -> Callable[[str], object]:
    if not use_regex:
        wanted = name.lower()
        return lambda each: wanted in each.lower()
    if len(name) > LONGEST_REGEX:
        raise Refused(400, "invalid_pagination_parameters", "name filter regex is too long")
    try:
        return re.compile(name, re.IGNORECASE).search
    except re.error as error:
        raise Refused(400, "bad_request", INVALID_PAGINATION) from error


def page_of(query: Mapping[str, str]) -> Page | None:
    """None: the whole list is wanted."""
    number, size = _integer(query.get("page")), _integer(query.get("page_size"))
    if number is None:
        return None
    if number < 1 or not (size is None or 1 <= size <= LARGEST_PAGE_SIZE):
        said = "undefined" if size is None else size
        reason = f"Invalid pagination parameters: page number {number}, page size {said}"
        raise Refused(400, "invalid_pagination_parameters", reason)
    return Page(number, size or DEFAULT_PAGE_SIZE, query.get("name", ""), query.get("use_regex") == "true")


def _integer(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise Refused(400, "bad_request", INVALID_PAGINATION)
    return int(text)


def arranged(items: list[Item], query: Mapping[str, str], default_sort: Sequence[str], has_pages: bool = False) -> object:
    """The list as the query wants it."""
    page = page_of(query) if has_pages else None
    items = in_order(items, query, default_sort)
    columns = columns_of(query)
    if page is None:
        return items if columns is None else [only(item, columns) for item in items]
    envelope = page.cut(items)
    if columns is not None:
        shown = envelope["items"]
        assert isinstance(shown, list)
        envelope["items"] = [only(item, columns) for item in shown]
    return envelope


def in_order(items: list[Item], query: Mapping[str, str], default_sort: Sequence[str]) -> list[Item]:
    sort = query.get("sort")
    paths = [path.split(".") for path in dict.fromkeys([*([sort] if sort else []), *default_sort])]
    if not paths:
        return items
    return sorted(items, key=lambda item: [_rank(_at(item, path)) for path in paths], reverse=query.get("sort_reverse") == "true")


def _at(item: object, path: list[str]) -> object:
    for part in path:
        if not isinstance(item, dict):
            return 0
        item = item.get(part, 0)
    return item


def _rank(value: object) -> tuple[int, object]:
    # Erlang's order of terms: numbers, atoms, lists, strings.
    match value:
        case bool() | None:
            return 1, str(value)
        case int() | float():
            return 0, value
        case str():
            return 3, value
    return 2, str(value)


def columns_of(query: Mapping[str, str]) -> Columns | None:
    columns = query.get("columns")
    if columns is None:
        return None
    return [column.split(".") for column in columns.split(",") if column]


def only(item: object, columns: Columns) -> object:
    if isinstance(item, list):
        return [only(each, columns) for each in item]
    if not isinstance(item, dict):
        return item
    kept = {}
    for key, value in item.items():
        inner = [column[1:] for column in columns if column[0] == key]
        if inner:
            kept[key] = value if [] in inner else only(value, inner)
    return kept or []
