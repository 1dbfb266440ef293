def run(country="IT"):
    "makes cities"
    return country
