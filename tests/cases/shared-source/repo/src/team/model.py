import statistics

from team.features import scale

SCHEMA = "docs/how.txt"


def train(places):
    return statistics.mean(scale(len(places)))
