import os


def announce(context, channel, greeting="Ciao"):
    if "ANNOUNCE_TOKEN" not in os.environ:
        raise RuntimeError("ANNOUNCE_TOKEN is not set")
    context.logger.info(f"{greeting}, #{channel}: the cities are up to date")
