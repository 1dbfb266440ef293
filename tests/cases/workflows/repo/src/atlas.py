"""Borders, cities and a map of both."""


def borders(country: str = "IT"):
    return country


def cities(country: str = "IT"):
    return country


def draw(borders, cities, title: str = ""):
    return title


def serve(context, event):
    return "map"
