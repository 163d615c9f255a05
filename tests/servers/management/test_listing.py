import pytest

from message_queues.servers.management.answers import Refused
from message_queues.servers.management.listing import arranged, only

NAMES: list[dict[str, object]] = [{"name": name, "vhost": "/"} for name in ("b", "a", "d", "c")]


def names(items: object) -> list[str]:
    assert isinstance(items, list)
    return [item["name"] for item in items]


def refusal(query: dict[str, str], items: list[dict[str, object]] | None = None) -> tuple[int, str, object]:
    with pytest.raises(Refused) as caught:
        arranged(items or [], query, ("name",), has_pages=True)
    return caught.value.status, caught.value.error, caught.value.reason


def test_a_list_is_sorted_by_its_default() -> None:
    assert names(arranged(list(NAMES), {}, ("vhost", "name"))) == ["a", "b", "c", "d"]


def test_a_list_is_sorted_in_reverse() -> None:
    assert names(arranged(list(NAMES), {"sort": "name", "sort_reverse": "true"}, ("vhost",))) == ["d", "c", "b", "a"]


def test_a_list_is_sorted_by_a_value_inside() -> None:
    items: list[dict[str, object]] = [
        {"name": "few", "stats": {"rate": 1.5}},
        {"name": "none"},
        {"name": "many", "stats": {"rate": 20}},
    ]
    assert names(arranged(items, {"sort": "stats.rate"}, ("name",))) == ["none", "few", "many"]


def test_numbers_come_before_null_and_null_before_strings() -> None:
    items: list[dict[str, object]] = [{"name": "s", "x": "1"}, {"name": "null", "x": None}, {"name": "n", "x": 5}]
    assert names(arranged(items, {"sort": "x"}, ("name",))) == ["n", "null", "s"]


def test_columns_keep_what_is_named_at_any_depth() -> None:
    item = {"name": "q", "stats": {"ack": 1, "ack_details": {"rate": 0.5, "samples": []}}, "other": 1}
    assert only(item, [["name"], ["stats", "ack_details", "rate"]]) == {"name": "q", "stats": {"ack_details": {"rate": 0.5}}}


def test_an_object_without_any_of_the_columns_is_an_empty_list() -> None:
    assert only({"a": 1}, [["b"]]) == []


def test_columns_reach_into_lists() -> None:
    assert only({"all": [{"a": 1, "b": 2}, {"a": 3}]}, [["all", "a"]]) == {"all": [{"a": 1}, {"a": 3}]}


def test_a_page_has_its_envelope() -> None:
    page = arranged(list(NAMES), {"page": "2", "page_size": "3", "columns": "name"}, ("name",), has_pages=True)
    assert page == {
        "filtered_count": 4,
        "item_count": 1,
        "items": [{"name": "d"}],
        "page": 2,
        "page_count": 2,
        "page_size": 3,
        "total_count": 4,
    }


def test_a_page_is_cut_from_what_the_name_leaves() -> None:
    page = arranged(list(NAMES), {"page": "1", "name": "B"}, ("name",), has_pages=True)
    assert isinstance(page, dict)
    assert (page["filtered_count"], page["total_count"], names(page["items"])) == (1, 4, ["b"])


def test_a_page_is_cut_from_what_the_pattern_leaves() -> None:
    page = arranged(list(NAMES), {"page": "1", "name": "^[ab]$", "use_regex": "true"}, ("name",), has_pages=True)
    assert isinstance(page, dict)
    assert names(page["items"]) == ["a", "b"]


def test_the_name_filters_pages_only() -> None:
    assert len(names(arranged(list(NAMES), {"name": "b"}, ("name",), has_pages=True))) == 4


def test_a_list_without_pages_ignores_the_page() -> None:
    assert len(names(arranged(list(NAMES), {"page": "9"}, ("name",)))) == 4


def test_a_page_just_behind_the_last_is_empty() -> None:
    page = arranged(list(NAMES), {"page": "2", "page_size": "4"}, ("name",), has_pages=True)
    assert isinstance(page, dict)
    assert page["items"] == []


@pytest.mark.parametrize(
    ("query", "error", "reason"),
    [
        ({"page": "9", "page_size": "2"}, "page_out_of_range", "Page out of range, page: 9 page size: 2, len: 0"),
        ({"page": "0"}, "invalid_pagination_parameters", "Invalid pagination parameters: page number 0, page size undefined"),
        ({"page": "1", "page_size": "501"}, "invalid_pagination_parameters", "Invalid pagination parameters: page number 1, page size 501"),
        ({"page": "1", "page_size": "0"}, "invalid_pagination_parameters", "Invalid pagination parameters: page number 1, page size 0"),
        ({"page": "x"}, "bad_request", "Pagination parameters are invalid"),
        ({"page": "1", "name": "(", "use_regex": "true"}, "bad_request", "Pagination parameters are invalid"),
        ({"page": "1", "name": "x" * 2000, "use_regex": "true"}, "invalid_pagination_parameters", "name filter regex is too long"),
    ],
)
def test_an_impossible_page_is_refused_in_words_of_rabbitmq(query: dict[str, str], error: str, reason: str) -> None:
    assert refusal(query) == (400, error, reason)
