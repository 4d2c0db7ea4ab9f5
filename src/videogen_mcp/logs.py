"""Logging: to stderr only, because stdout belongs to the protocol."""

import logging
import sys


def start_logging(level: str) -> None:
    """Log to stderr from this level up."""
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # It logs every address with its query, which may be signed.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
