"""Tides, as a job, by the clock and as a service."""


def compute(station: str = "Trieste"):
    return {"station": station}
