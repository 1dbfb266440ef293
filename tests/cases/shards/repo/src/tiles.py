"""A country in tiles: each shard renders its own, and one job counts them all."""

import pandas as pd
from digitalhub_runtime_python import handler


@handler(outputs=["tiles"])
def render(context, country: str = "IT", zoom: int = 12):
    rows = [{"country": country, "tile": tile} for tile in range(context.index, zoom, context.count)]
    return pd.DataFrame(rows)


@handler(outputs=["number"])
def count(tiles):
    return len(tiles.as_df())
