from message_queues.broker.sqs.ages import Ages, last_over, over_at_ms


def test_the_oldest_second_is_known_whatever_the_order_of_arrival() -> None:
    ages = Ages()
    for sent_ms in (5000, 5999, 1000, 9000):
        ages.add(sent_ms)
    assert ages.oldest_second() == 1
    ages.remove(1500)
    assert ages.oldest_second() == 5
    ages.remove(5000)
    assert ages.oldest_second() == 5
    ages.remove(5000)
    assert (ages.oldest_second(), ages.count_until(9)) == (9, 1)
    ages.remove(9000)
    assert ages.oldest_second() is None


def test_a_second_may_come_again() -> None:
    ages = Ages()
    ages.add(1000)
    ages.remove(1000)
    ages.add(1000)
    assert (ages.oldest_second(), ages.count_until(1), ages.count_until(0)) == (1, 1, 0)


def test_a_message_is_over_when_its_whole_second_is() -> None:
    assert over_at_ms(100, 60) == 161_000
    assert last_over(160_999, 60) == 99
    assert last_over(161_000, 60) == 100
