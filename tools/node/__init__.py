"""Scenarios over the stock Kafka clients of Node, as a program that Python tests talk to."""

from tools.node.installation import CLIENTS, install, program

__all__ = ["CLIENTS", "install", "program"]
