"""Measurements of this project beside its peers, made in one run on one machine."""
