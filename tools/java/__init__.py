"""Scenarios over the stock Java client (kafka-clients), as a program that Python tests talk to."""

from tools.java.installation import install, program

__all__ = ["install", "program"]
