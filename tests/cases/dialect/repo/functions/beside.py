def run(*, country="IT"):
    return country
