"""Diagnostics and lineage -> text for people and for machines; pure functions."""
