"""What the service answers."""


def about(country, cities, countries, most=5):
    figures = countries[countries["countrycode"] == country]
    largest = cities[cities["countrycode"] == country].nlargest(most, "population")
    return {
        "country": country,
        "cities": int(figures["count"].sum()),
        "people": int(figures["sum"].sum()),
        "largest": largest["name"].tolist(),
    }
