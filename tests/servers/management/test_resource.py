import pytest

from message_queues.servers.management.call import split_path
from message_queues.servers.management.resource import Resource, Routes


def allow(call: object) -> None:
    pass


def routes(*paths: str) -> Routes:
    return Routes(Resource(path, allow) for path in paths)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        (b"/api/queues", ("api", "queues")),
        (b"/api/queues/", ("api", "queues")),
        (b"/api/queues/%2F/a%2Fb", ("api", "queues", "/", "a/b")),
        (b"/api/queues/%2F/%252F", ("api", "queues", "/", "%2F")),
        (b"//api/overview", ("", "api", "overview")),
        (b"/", ("",)),
        (b"/api/users/%FF", ("api", "users", "\udcff")),
    ],
)
def test_a_path_is_split_before_it_is_decoded(path: bytes, parts: tuple[str, ...]) -> None:
    assert split_path(path) == parts


def test_the_parts_of_a_path_have_names() -> None:
    found = routes("/queues/:vhost/:queue").find(("queues", "/", "a/b"))
    assert found is not None
    assert found[1] == {"vhost": "/", "queue": "a/b"}


def test_of_two_resources_that_fit_the_earlier_is_found() -> None:
    found = routes("/queues/detailed", "/queues/:vhost").find(("queues", "detailed"))
    assert found is not None
    assert found[0].path == "/queues/detailed"


def test_a_path_of_another_length_fits_nothing() -> None:
    assert routes("/queues/:vhost").find(("queues",)) is None


def test_the_methods_of_a_resource_are_those_that_something_answers() -> None:
    assert Resource("/x", allow, get=lambda call: None, put=lambda call: None).methods == ("HEAD", "GET", "PUT", "OPTIONS")
    assert Resource("/x", allow, post=lambda call: None).methods == ("POST", "OPTIONS")
