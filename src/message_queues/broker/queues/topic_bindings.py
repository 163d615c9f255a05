"""The bindings of topic exchanges, as a trie of words.

AMQP 0-9-1 3.1.3.3: "the routing pattern … '*' matches a single word and '#' zero or more words", words being what full stops separate.
As RabbitMQ cuts them: an empty key has no word at all, and between two full stops stands an empty word, which '*' matches.
"""

from collections.abc import Collection

from message_queues.broker.queues.bindings import Binding, DependsOn
from message_queues.broker.queues.message import QueueMessage
from message_queues.errors import PreconditionFailed

MAX_HASHES = 2


class Node:
    """What is bound to one pattern, and the patterns that go on from it."""

    __slots__ = ("any_words", "bindings", "one_word", "words")

    def __init__(self) -> None:
        self.bindings: dict[Binding, None] | None = None
        self.words: dict[str, Node] | None = None
        self.one_word: Node | None = None
        self.any_words: Node | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.bindings or self.words or self.one_word or self.any_words)

    @property
    def is_leaf(self) -> bool:
        return self.words is None and self.one_word is None and self.any_words is None

    def child(self, word: str) -> "Node | None":
        if word == "*":
            return self.one_word
        if word == "#":
            return self.any_words
        return self.words.get(word) if self.words is not None else None

    def grow(self, word: str) -> "Node":
        child = self.child(word)
        if child is None:
            child = Node()
            if word == "*":
                self.one_word = child
            elif word == "#":
                self.any_words = child
            else:
                self.words = self.words or {}
                self.words[word] = child
        return child

    def cut(self, word: str) -> None:
        if word == "*":
            self.one_word = None
        elif word == "#":
            self.any_words = None
        elif self.words is not None:
            del self.words[word]
            self.words = self.words or None


class TopicBindings:
    depends_on = DependsOn.KEY

    def __init__(self) -> None:
        self._root = Node()

    def add(self, binding: Binding) -> None:
        node = self._root
        for word in words_of(binding.routing_key):
            node = node.grow(word)
        if node.bindings is None:
            node.bindings = {}
        node.bindings[binding] = None

    def remove(self, binding: Binding) -> None:
        node = self._root
        path: list[tuple[Node, str]] = []
        for word in words_of(binding.routing_key):
            path.append((node, word))
            node = node.grow(word)
        if node.bindings is not None:
            node.bindings.pop(binding, None)
            node.bindings = node.bindings or None
        for parent, word in reversed(path):
            child = parent.child(word)
            if child is None or not child.is_empty:
                break
            parent.cut(word)

    @property
    def is_empty(self) -> bool:
        return self._root.is_empty

    def match(self, message: QueueMessage) -> Collection[Binding]:
        found: list[Binding] = []
        self._collect(message.routing_key, found)
        for key in message.other_keys:
            self._collect(key, found)
        return found

    def _collect(self, key: str, found: list[Binding]) -> None:
        words = words_of(key)
        end = len(words)
        pending = [(self._root, 0)]
        # Two '#' on one way reach the same pair over and over.
        skipped_to: set[tuple[Node, int]] | None = None
        while pending:
            node, position = pending.pop()
            if node.any_words is not None:
                after = node.any_words
                if after.is_leaf:
                    if after.bindings is not None:
                        found += after.bindings
                else:
                    if skipped_to is None:
                        skipped_to = set()
                    fresh = {(after, skipped) for skipped in range(position, end + 1)} - skipped_to
                    skipped_to |= fresh
                    pending += fresh
            if position == end:
                if node.bindings is not None:
                    found += node.bindings
                continue
            if node.one_word is not None:
                pending.append((node.one_word, position + 1))
            if node.words is not None:
                child = node.words.get(words[position])
                if child is not None:
                    pending.append((child, position + 1))


def words_of(key: str) -> list[str]:
    return key.split(".") if key else []


def check_topic(routing_key: str) -> None:
    """RabbitMQ 4.3 takes at most two '#': each further one multiplies the ways through the trie. Raises PreconditionFailed."""
    hashes = words_of(routing_key).count("#")
    if hashes > MAX_HASHES:
        raise PreconditionFailed(f"Topic binding key '{routing_key}' uses {hashes} '#' wildcards, at most {MAX_HASHES} are allowed")
