"""The refusals' texts, with their columns, are those that AWS gives."""

import json
from typing import Any, NamedTuple

import pytest

from message_queues.broker.sns.filter_policy import MESSAGE_ATTRIBUTES, MESSAGE_BODY, Filtered, compile_filter_policy
from message_queues.errors import InvalidParameterValue


class Attribute(NamedTuple):
    name: str
    data_type: str
    value: bytes


def on_attributes(policy: dict[str, Any], **attributes: tuple[str, str]) -> bool:
    found = [Attribute(name, data_type, value.encode()) for name, (data_type, value) in attributes.items()]
    return compile_filter_policy(json.dumps(policy), MESSAGE_ATTRIBUTES).matches(Filtered(found, "{}"))


def on_body(policy: dict[str, Any], body: object) -> bool:
    text = body if isinstance(body, str) else json.dumps(body)
    return compile_filter_policy(json.dumps(policy), MESSAGE_BODY).matches(Filtered([], text))


def refusal(policy: str | dict[str, Any], scope: str = MESSAGE_ATTRIBUTES) -> str:
    text = policy if isinstance(policy, str) else json.dumps(policy, separators=(",", ":"))
    with pytest.raises(InvalidParameterValue) as refused:
        compile_filter_policy(text, scope)
    return str(refused.value)


def test_every_key_has_to_match_one_of_its_values() -> None:
    policy = {"store": ["a", "b"], "event": ["order"]}
    assert on_attributes(policy, store=("String", "b"), event=("String", "order"), other=("String", "x"))
    assert not on_attributes(policy, store=("String", "c"), event=("String", "order"))
    assert not on_attributes(policy, store=("String", "a"))
    assert not on_attributes(policy)


def test_an_empty_policy_matches_everything() -> None:
    assert on_attributes({})
    assert on_body({}, {})


def test_strings_are_compared_as_they_are() -> None:
    assert not on_attributes({"a": ["Rugby"]}, a=("String", "rugby"))
    assert on_attributes({"a": [{"equals-ignore-case": "Rugby"}]}, a=("String", "rUGBY"))


def test_each_element_of_a_string_array_counts() -> None:
    policy = {"interests": ["rugby", "tennis"]}
    assert on_attributes(policy, interests=("String.Array", '["baseball", "tennis"]'))
    assert not on_attributes(policy, interests=("String.Array", '["baseball"]'))
    assert not on_attributes(policy, interests=("String.Array", "no json"))
    assert on_attributes({"a": [None]}, a=("String.Array", "[null]"))
    assert on_attributes({"a": [True]}, a=("String.Array", "[true]"))
    assert not on_attributes({"a": [1]}, a=("String.Array", "[true]"))


def test_prefix_suffix_and_wildcard() -> None:
    assert on_attributes({"a": [{"prefix": "bas"}]}, a=("String", "baseball"))
    assert not on_attributes({"a": [{"prefix": "bas"}]}, a=("String", "rugby"))
    assert on_attributes({"a": [{"suffix": "ball"}]}, a=("String", "baseball"))
    assert not on_attributes({"a": [{"suffix": "ball"}]}, a=("String", "balls"))
    assert on_attributes({"a": [{"wildcard": "*ba*l"}]}, a=("String", "football"))
    assert not on_attributes({"a": [{"wildcard": "*ba*l"}]}, a=("String", "foot"))


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("a*", ["a", "ab"], ["ba", ""]),
        ("*", ["", "x"], []),
        ("a*a", ["aa", "aba"], ["a"]),
        ("a*b*c", ["abc", "axbxc", "abbc"], ["acb", "ac"]),
        ("a\\*c", ["a*c"], ["abc"]),
        ("a\\\\*", ["a\\x"], ["a*"]),
        ("none", ["none"], ["nonex"]),
    ],
)
def test_a_wildcard_stands_for_any_characters(pattern: str, matching: list[str], others: list[str]) -> None:
    for text in matching:
        assert on_attributes({"a": [{"wildcard": pattern}]}, a=("String", text)), text
    for text in others:
        assert not on_attributes({"a": [{"wildcard": pattern}]}, a=("String", text)), text


def test_anything_but() -> None:
    policy = {"a": [{"anything-but": ["rugby", "tennis"]}]}
    assert on_attributes(policy, a=("String", "baseball"))
    assert not on_attributes(policy, a=("String", "rugby"))
    # "it contains a value that isn't rugby or tennis"
    assert on_attributes(policy, a=("String.Array", '["rugby", "baseball"]'))
    assert not on_attributes(policy, a=("String.Array", '["rugby"]'))
    assert not on_attributes(policy), "the key has to be there"
    assert on_attributes({"a": [{"anything-but": 100}]}, a=("Number", "101"))
    assert not on_attributes({"a": [{"anything-but": [100, 500]}]}, a=("Number", "100.0"))
    assert not on_attributes({"a": [{"anything-but": "x"}]}, a=("Binary", "y"))


def test_anything_but_with_an_operator() -> None:
    for operator, pattern, unwanted in (
        ("prefix", "order-", "order-1"),
        ("suffix", "ball", "baseball"),
        ("equals-ignore-case", "Tennis", "tENNIS"),
        ("wildcard", "*ball", "football"),
    ):
        policy = {"a": [{"anything-but": {operator: pattern}}]}
        assert not on_attributes(policy, a=("String", unwanted)), operator
        assert on_attributes(policy, a=("String", "other")), operator
    assert not on_attributes({"a": [{"anything-but": {"prefix": ["x", "y"]}}]}, a=("String", "y1"))


def test_numbers() -> None:
    between = {"price": [{"numeric": [">", 0, "<=", 100]}]}
    assert on_attributes(between, price=("Number", "100"))
    assert not on_attributes(between, price=("Number", "0"))
    assert not on_attributes(between, price=("String", "50"))
    assert not on_attributes(between, price=("Number", "many"))
    assert on_attributes({"price": [301.5]}, price=("Number", "301.50"))
    assert on_attributes({"price": [{"numeric": ["=", 301.5]}]}, price=("Number", "3.015e2"))
    assert on_attributes({"price": [{"numeric": ["<", -1]}]}, price=("Number", "-1.00001"))


def test_numbers_are_compared_to_six_digits() -> None:
    # "five digits of accuracy after the decimal point"
    for value, matches in (("123.45600", True), ("123.4560001", True), ("123.456001", False), ("123.45599", False)):
        assert on_attributes({"price": [123.456]}, price=("Number", value)) == matches, value
        assert on_body({"price": [{"numeric": ["=", 123.456]}]}, f'{{"price":{value}}}') == matches, value
    assert not on_body({"price": [1]}, '{"price":1e999999999}')
    assert on_body({"price": [{"numeric": [">", 1]}]}, '{"price":1e999999999}')


def test_exists() -> None:
    assert on_attributes({"a": [{"exists": True}]}, a=("Binary", "x"))
    assert not on_attributes({"a": [{"exists": True}]})
    assert on_attributes({"a": [{"exists": False}]})
    assert not on_attributes({"a": [{"exists": False}]}, a=("String", "x"))


def test_addresses() -> None:
    assert on_attributes({"ip": [{"cidr": "10.0.0.0/24"}]}, ip=("String", "10.0.0.255"))
    assert not on_attributes({"ip": [{"cidr": "10.0.0.0/24"}]}, ip=("String", "10.0.1.0"))
    assert not on_attributes({"ip": [{"cidr": "10.0.0.0/24"}]}, ip=("String", "10.0.0.256"))
    assert on_attributes({"ip": [{"cidr": "2001:db8:1234:1a00::/64"}]}, ip=("String", "2001:0db8:1234:1a00:0:0:0:0"))
    assert not on_attributes({"ip": [{"cidr": "2001:db8:1234:1a00::/64"}]}, ip=("String", "10.0.0.1"))


def test_or() -> None:
    policy = {
        "$or": [{"metricName": ["CPUUtilization", "ReadLatency"]}, {"namespace": ["AWS/EC2", "AWS/ES"]}],
        "detail": {"scope": ["Service"], "$or": [{"source": ["aws.cloudwatch"]}, {"type": ["Change"]}]},
    }
    assert on_body(policy, {"metricName": "ReadLatency", "detail": {"scope": "Service", "source": "aws.cloudwatch"}})
    assert on_body(policy, {"namespace": "AWS/ES", "detail": {"scope": "Service", "type": "Change"}})
    assert not on_body(policy, {"metricName": "ReadLatency", "detail": {"scope": "Service"}})
    assert not on_body(policy, {"detail": {"scope": "Service", "type": "Change"}})
    assert not on_body(policy, {"metricName": "ReadLatency", "detail": {"type": "Change"}})


def test_one_alternative_or_plain_values_make_or_a_key() -> None:
    assert on_attributes({"$or": ["x"]}, **{"$or": ("String", "x")})
    assert on_body({"$or": [{"exists": False}]}, {})


def test_a_policy_on_the_body_goes_into_it() -> None:
    policy = {"object": {"key": [{"prefix": "auto-"}, "hardcoded"], "nested": [{"exists": False}]}, "test": [{"exists": False}]}
    assert on_body(policy, {"object": {"key": "auto-test"}})
    assert on_body(policy, {"object": {"key": "hardcoded"}})
    assert not on_body(policy, {"object": {"key": "test-auto"}})
    assert not on_body(policy, {"object": {"key": "auto-test"}, "test": "there"})
    assert not on_body(policy, {"object": {"key": "auto-test", "nested": "there"}})
    assert not on_body(policy, {"test": "auto-test"})


def test_a_body_that_is_no_object_matches_nothing() -> None:
    for body in ("text", "[1]", '"x"', "1", "{", "[" * 100_000):
        assert not on_body({"a": [{"exists": False}]}, body)
    assert on_body({"a": [{"exists": False}]}, "{}")


def test_dots_join_keys_of_policy_and_body() -> None:
    for body in ({"object": {"nested": {"test": "x"}}}, {"object.nested.test": "x"}, {"object": {"nested.test": "x"}}):
        assert on_body({"object.nested.test": ["x"]}, body)
        assert on_body({"object": {"nested.test": ["x"]}}, body)


def test_lists_give_all_their_elements() -> None:
    policy = {"Records": {"s3": {"key": [{"prefix": "auto-"}]}, "event": [{"prefix": "Created:"}]}}
    assert on_body(
        policy, {"Records": [{"s3": {"key": "home"}, "event": "Removed"}, {"s3": [[{"key": "auto-1"}]], "event": "Created:Put"}]}
    )
    assert not on_body(policy, {"Records": [{"s3": {"key": "home"}, "event": "Created:Put"}]})
    assert on_body({"to": ["q1"]}, {"to": ["q2", "q1"]})
    assert on_body({"detail": {"version": [""], "null": [None]}}, {"resources": [], "detail": {"version": "", "null": None}})


def test_booleans_and_numbers_of_a_body_are_different_values() -> None:
    assert on_body({"a": [True]}, {"a": True})
    assert not on_body({"a": [1]}, {"a": True})
    assert on_body({"a": [1]}, {"a": 1.0})
    assert not on_body({"a": [{"numeric": ["=", 1]}]}, {"a": True})


def test_deeply_nested_bodies_and_policies_break_nothing() -> None:
    assert not on_body({"a": ["x"]}, '{"a":' * 500 + "1" + "}" * 500)
    assert refusal("[" * 5000).startswith("FilterPolicy: failed to parse JSON. Document nesting depth")


REFUSALS = [
    ('{"key":[["value"]]}', "Match value must be String, number, true, false, or null", 10),
    ('{"key":[{"wrong-operator":true}]}', "Unrecognized match type wrong-operator", 31),
    ('{"key":[{"suffix":"value","prefix":"value2"}]}', "Only one key allowed in match expression", 37),
    ('{"key":[]}', "Empty arrays are not allowed", 10),
    ('{"key":[{"suffix":100}]}', "suffix match pattern must be a string", 22),
    ('{"key":[{"suffix":null}]}', "suffix match pattern must be a string", 23),
    ('{"key":{"suffix":"value"}}', '"suffix" must be an object or an array', 19),
    ('{"key":[{"suffix":[]}]}', "suffix match pattern must be a string", 20),
    ('{"key":{"suffix":"value","prefix":"value"}}', '"suffix" must be an object or an array', 19),
    ('{"key":{"not-an-operator":"value"}}', '"not-an-operator" must be an object or an array', 28),
    ('{"key":[{"cidr":["bad-filter"]}]}', "prefix match pattern must be a string", 18),
    ('{"key":[{"numeric":[]}]}', "Invalid member in numeric match: ]", 22),
    ('{"key":[{"numeric":["operator"]}]}', "Unrecognized numeric range operator: operator", 32),
    ('{"key":[{"numeric":[1,"<="]}]}', "Invalid member in numeric match: 1", 22),
    ('{"key":[{"numeric":["=","000"]}]}', "Value of equals must be numeric", 26),
    ('{"key":[{"numeric":[">="]}]}', "Value of >= must be numeric", 26),
    ('{"key":[{"numeric":["<",100,">",10]}]}', "Too many elements in numeric expression", 30),
    ('{"key":[{"numeric":[">=",1,">",2]}]}', "Bad numeric range operator: >", 31),
    ('{"key":[{"numeric":[">",3,"<",1]}]}', "Bottom must be less than top", 33),
    ('{"key":[{"numeric":[">",20,"<="]}]}', "Value of <= must be numeric", 33),
    ('{"key":[{"numeric":[">",20,30]}]}', "Bad value in numeric range: 30", 30),
    ('{"key":[{"numeric":[">",20,"test"]}]}', "Bad numeric range operator: test", 34),
    ('{"key":[{"numeric":[">","20","<","30"]}]}', "Value of > must be numeric", 26),
    ('{"key":[{"numeric":[">",20,"<","30"]}]}', "Value of < must be numeric", 33),
    ('{"key":[{"numeric":[">",20,"<",30,"<",50]}]}', "Too many terms in numeric range expression", 36),
    ('{"key":[{"exists":null}]}', "exists match pattern must be either true or false.", 23),
    ('{"key":[{"exists":"no"}]}', "exists match pattern must be either true or false.", 20),
    ('{"key":[{"anything-but":{"wrong-operator":null}}]}', "Unsupported anything-but pattern: wrong-operator", 47),
    ('{"key":[{"anything-but":{"exists":false}}]}', "Unsupported anything-but pattern: exists", 40),
    ('{"key":[{"anything-but":{"prefix":false}}]}', "prefix match pattern must be a string", 40),
    ('{"key_a":"value_one"}', '"key_a" must be an object or an array', 11),
    (
        "invalid",
        "failed to parse JSON. Unrecognized token 'invalid': was expecting "
        "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        8,
    ),
    ("{invalid", "failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote to start field name", 2),
]


@pytest.mark.parametrize(("policy", "text", "column"), REFUSALS)
def test_a_refusal_says_what_is_wrong_and_where(policy: str, text: str, column: int) -> None:
    position = f"at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: {column}]"
    assert refusal(policy) == f"FilterPolicy: {text}\n {position}"


def test_lines_are_counted() -> None:
    assert refusal('{\n "a":\n  "x"}').endswith("line: 3, column: 4]")


@pytest.mark.parametrize(
    ("cidr", "text"),
    [
        ("bad-filter", "Malformed CIDR, one '/' required"),
        ("bad-filter/64", "Nonstandard IP address: bad-filter"),
        ("bad-/64filter", "Malformed CIDR, mask bits must be an integer"),
        ("xx.11.xx/8", "Nonstandard IP address: xx.11.xx"),
        ("xxxx:db8:1234:1a00::/64", "Nonstandard IP address: xxxx:db8:1234:1a00::"),
    ],
)
def test_bad_addresses(cidr: str, text: str) -> None:
    assert refusal({"key": [{"cidr": cidr}]}) == f"FilterPolicy: {text}"


def test_five_keys_at_most() -> None:
    assert refusal({f"key{number}": ["x"] for number in range(6)}) == "FilterPolicy: Filter policy can not have more than 5 keys"
    compile_filter_policy(json.dumps({f"key{number}": ["x"] for number in range(5)}), MESSAGE_ATTRIBUTES)


COMPLEX = "FilterPolicy: Filter policy is too complex"


def values(count: int) -> list[str]:
    return [f"value{number}" for number in range(count)]


def test_150_combinations_at_most() -> None:
    assert refusal({"key": values(151)}) == COMPLEX
    assert refusal({"key1": values(100), "key2": values(51)}) == COMPLEX
    compile_filter_policy(json.dumps({"key": values(150)}), MESSAGE_ATTRIBUTES)
    nested = {"a": {"b": {"c": values(4)}}, "d": {"e": values(3)}, "f": values(3)}
    assert refusal(nested, MESSAGE_BODY) == COMPLEX, "3 x 4 x 2 x 3 x 3 = 216"
    del nested["f"]
    compile_filter_policy(json.dumps(nested), MESSAGE_BODY)


def test_or_adds_the_combinations_of_its_choices() -> None:
    def policy(sources: int, spaces: int) -> dict[str, Any]:
        inner = [{"metricId": [1, 2, 3, 4]}, {"spaceId": list(range(spaces))}]
        return {"source": values(sources), "$or": [{"name": values(6)}, {"type": values(4), "$or": inner}]}

    assert refusal(policy(4, 4)) == COMPLEX, "4 x 6 + 4 x 4 x 4 + 4 x 4 x 4 = 152"
    compile_filter_policy(json.dumps(policy(3, 7)), MESSAGE_ATTRIBUTES)


def test_a_choice_of_choices_is_refused_before_it_is_multiplied_out() -> None:
    choice: dict[str, Any] = {"$or": [{"a": ["x"]}, {"b": ["y"]}]}
    for _ in range(40):
        choice = {"$or": [choice, {"c": ["z"]}], "d": {"$or": [{"a": ["x"]}, {"b": ["y"]}]}}
    assert refusal(choice, MESSAGE_BODY) == COMPLEX


def test_policies_on_attributes_are_flat() -> None:
    text = "Filter policy scope MessageAttributes does not support nested filter policy"
    assert refusal({"object": {"key": [{"prefix": "auto-"}]}}) == text


def test_numbers_beyond_a_billion_are_refused() -> None:
    assert "must be between -1000000000 and 1000000000" in refusal({"key": [1_000_000_001]})
    compile_filter_policy('{"key":[1000000000]}', MESSAGE_ATTRIBUTES)


def test_consecutive_wildcards_are_refused() -> None:
    assert refusal({"key": [{"wildcard": "a**b"}]}).startswith("FilterPolicy: Consecutive wildcard characters at pos 1")


def test_a_policy_of_more_than_256_kib_is_refused() -> None:
    assert refusal({"key": ["x" * 256 * 1024]}) == "FilterPolicy: Filter policy is too large"


@pytest.mark.parametrize("text", ["", "[]", '"x"', "{", '{"a"', '{"a":', '{"a":[', '{"a":["x"', '{"a":["x" "y"]}', "{}x", '{"a":["\x01"]}'])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    assert refusal(text).startswith(("FilterPolicy: failed to parse JSON.", "FilterPolicy: Filter is not an object"))
