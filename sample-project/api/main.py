"""GET /?country=IT -> the country's figures and its largest cities."""

from answer import about


def init(context, cities, countries):
    context.cities = context.project.get_dataitem(cities).as_df()
    context.countries = context.project.get_dataitem(countries).as_df()


def serve(context, event):
    country = event.fields.get("country", "IT")
    return about(country, context.cities, context.countries)
