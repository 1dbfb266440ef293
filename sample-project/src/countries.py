"""Cities and people of each country."""

from digitalhub_runtime_python import handler


@handler(outputs=["countries"])
def summarise(cities):
    grouped = cities.as_df().groupby("countrycode")["population"]
    return grouped.agg(["count", "sum", "max"]).reset_index()
