def make(country, year):
    return {"made": [country, year]}
