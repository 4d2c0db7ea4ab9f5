"""Loading the catalogue, and encoding one request against all of it."""

import subprocess
import sys
from collections.abc import Iterator

from bench.figures import Figure, median, milliseconds
from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import encode
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import VideoRequest

LOADING = """
import time
from videogen_mcp.catalogue import load_catalogue
began = time.perf_counter()
load_catalogue()
print((time.perf_counter() - began) * 1000)
"""
FRESH_PROCESSES = 11


def figures() -> Iterator[Figure]:
    """Load time in fresh processes, and the time of one request at every endpoint and mode."""
    loads = [
        float(subprocess.run([sys.executable, "-c", LOADING], check=True, capture_output=True, text=True).stdout)
        for _ in range(FRESH_PROCESSES)
    ]
    yield Figure("load the catalogue", median(loads), "ms", 60)
    endpoints = load_catalogue().endpoints
    request = VideoRequest(prompt="A fox leaps over a frozen river at dawn", duration=6, aspect_ratio="16:9", seed=7)
    yield Figure("endpoints in it", len(endpoints), "")

    def encode_everywhere() -> None:
        for endpoint in endpoints:
            try:
                encode(endpoint, "text_to_video", request)
            except InvalidRequest:
                continue

    yield Figure("encode one request for all endpoints", median(milliseconds(encode_everywhere, times=50)), "ms", 5)
