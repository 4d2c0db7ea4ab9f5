"""The catalogue as one static web page, for people who choose a model: `python -m videogen_mcp.models_page OUTPUT`.

The page needs no network and no server. Everything on it is reckoned from the catalogue, by the same encoder and price
table that the product pays with, so that it cannot say anything else than the product does.
"""
