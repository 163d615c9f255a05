"""Produce and Fetch by hand: what separates brokers is the cost of small requests.

The same bytes as the generic codec's declarations in `messages/` (tests hold one against the other); only what a busy client sends and
gets back is here, and everything else goes through the codec.
"""
