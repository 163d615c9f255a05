"""Users, their passwords, and what they may do."""

from pathlib import Path

import pytest

from message_queues.broker.access import Access, NotAuthenticated, hashed, matches, password_matches
from message_queues.errors import AccessRefused, InvalidArgument, NotAllowed, NotFound
from tests.broker.queues.broker_world import BrokerWorld


@pytest.fixture
def world(tmp_path: Path) -> BrokerWorld:
    return BrokerWorld(tmp_path)


@pytest.fixture
def access(world: BrokerWorld) -> Access:
    world.broker.access.put_user("ann", password="secret")
    return world.broker.access


def test_a_new_broker_has_one_user_who_may_do_everything(world: BrokerWorld) -> None:
    guest = world.broker.access.authenticate("guest", "guest")
    assert guest.is_administrator
    world.broker.access.check(guest, "/", "queue", "any", "configure")


def test_a_wrong_password_and_a_wrong_name_look_alike(access: Access) -> None:
    for name, password in (("ann", "wrong"), ("nobody", "secret"), ("ann", "")):
        with pytest.raises(NotAuthenticated, match="invalid credentials"):
            access.authenticate(name, password)


def test_a_user_without_a_password_logs_in_with_none(access: Access) -> None:
    access.put_user("service")
    with pytest.raises(NotAuthenticated):
        access.authenticate("service", "")


@pytest.mark.parametrize("algorithm", ["rabbit_password_hashing_sha256", "rabbit_password_hashing_sha512", "rabbit_password_hashing_md5"])
def test_passwords_are_hashed_as_rabbitmq_does(algorithm: str) -> None:
    assert password_matches(hashed("ü secret", algorithm), algorithm, "ü secret")
    assert not password_matches(hashed("secret", algorithm), algorithm, "other")


def test_a_hash_of_a_real_broker_is_understood() -> None:
    # What RabbitMQ 3.10 exported of its user guest, whose password is guest.
    assert password_matches("47l07TnTi5j82wV1j/fLfUV2O+zF9p2kp2IzKzzf/7WuVYGi", "rabbit_password_hashing_sha256", "guest")


def test_permissions_are_patterns_over_names(access: Access) -> None:
    access.set_permissions("ann", "/", configure="^mine-", write="", read=".*")
    ann = access.named("ann")
    access.check(ann, "/", "queue", "mine-1", "configure")
    access.check(ann, "/", "queue", "other", "read")
    with pytest.raises(AccessRefused, match="configure access to queue 'not-mine-1' in vhost '/' refused for user 'ann'"):
        access.check(ann, "/", "queue", "not-mine-1", "configure")
    with pytest.raises(AccessRefused, match=r"access to exchange 'amq\.default' in vhost '/' refused for user 'ann'"):
        access.check(ann, "/", "exchange", "", "write")


def test_the_empty_pattern_matches_nothing_that_has_a_name() -> None:
    assert not matches("", "name")
    assert matches("", "")
    assert matches("a", "bab")


def test_a_virtual_host_opens_for_those_with_permissions(access: Access) -> None:
    ann = access.named("ann")
    with pytest.raises(NotAllowed, match="access to vhost '/' refused for user 'ann'"):
        access.check_virtual_host(ann, "/")
    with pytest.raises(NotAllowed, match="vhost nowhere not found"):
        access.check_virtual_host(ann, "nowhere")
    access.set_permissions("ann", "/", configure="", write="", read="")
    access.check_virtual_host(ann, "/")


def test_topic_permissions_count_for_their_exchange_alone(access: Access) -> None:
    access.set_topic_permissions("ann", "/", "amq.topic", write="^{username}\\.", read="")
    ann = access.named("ann")
    access.check_topic(ann, "/", "amq.topic", "ann.orders", "write")
    access.check_topic(ann, "/", "other", "anything", "write")
    with pytest.raises(AccessRefused, match=r"access to topic 'bob\.orders' in exchange 'amq\.topic' in vhost '/' refused for user 'ann'"):
        access.check_topic(ann, "/", "amq.topic", "bob.orders", "write")


def test_users_stay_over_a_restart_with_all_that_they_may(world: BrokerWorld, access: Access) -> None:
    access.set_permissions("ann", "/", configure="c", write="w", read="r")
    access.set_topic_permissions("ann", "/", "amq.topic", write="w", read="r")
    access.set_user_limit("ann", "max-connections", 5)
    world.restart()
    again = world.broker.access
    assert again.authenticate("ann", "secret").limits == {"max-connections": 5}
    assert again.permissions["ann", "/"].write == "w"
    assert again.topic_permissions["ann", "/"]["amq.topic"].read == "r"
    again.clear_user_limit("ann", "max-connections")
    assert again.clear_permissions("ann", "/")
    assert not again.clear_permissions("ann", "/")
    assert again.clear_topic_permissions("ann", "/", "amq.topic")
    assert again.topic_permissions == {}


def test_a_deleted_user_takes_its_permissions_with_it(access: Access) -> None:
    access.set_permissions("ann", "/", configure="", write="", read="")
    told: list[str] = []
    access.on_user_deleted.append(told.append)
    access.delete_user("ann")
    assert told == ["ann"]
    assert not access.has_permissions("ann", "/")
    with pytest.raises(NotFound, match="user 'ann' does not exist"):
        access.delete_user("ann")


def test_whoever_remembers_a_check_hears_that_something_changed(access: Access) -> None:
    before = access.version
    access.set_permissions("ann", "/", configure="", write="", read="")
    assert access.version > before


def test_what_is_wrong_is_named(access: Access) -> None:
    with pytest.raises(InvalidArgument, match="is no regular expression"):
        access.set_permissions("ann", "/", configure="[", write="", read="")
    with pytest.raises(NotFound, match="vhost nowhere"):
        access.set_permissions("ann", "nowhere", configure="", write="", read="")
    with pytest.raises(InvalidArgument, match="max-conections"):
        access.set_user_limit("ann", "max-conections", 5)
    with pytest.raises(InvalidArgument, match="no base64"):
        access.put_user("bob", password_hash="?")
    with pytest.raises(InvalidArgument, match="empty name"):
        access.put_user("")


def test_refusals_do_not_name_the_permission_before_3_13(tmp_path: Path) -> None:
    access = BrokerWorld(tmp_path, "3.10").broker.access
    access.put_user("ann", password="secret")
    with pytest.raises(AccessRefused, match=r"^access to queue 'q' in vhost '/' refused for user 'ann'$"):
        access.check(access.named("ann"), "/", "queue", "q", "read")
