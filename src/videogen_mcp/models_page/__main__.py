"""Write the page: `python -m videogen_mcp.models_page OUTPUT`."""

import sys
from pathlib import Path

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.models_page.render import page

_BAD_USAGE = 2


def main(arguments: list[str]) -> int:
    """Write the page of the catalogue that ships with the product, and say where it is.

    Args:
        arguments: The file to write; its folder is made where it is missing.

    Returns:
        The exit status: 0, or 2 for bad usage.
    """
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m videogen_mcp.models_page OUTPUT\n")
        return _BAD_USAGE
    output = Path(arguments[0]).resolve()
    output.parent.mkdir(parents=True, exist_ok=True)
    # Bytes, so that the file is the same on a system that would write other line ends.
    output.write_bytes(page(load_catalogue()).encode("utf-8"))
    # This command serves no protocol: where the file is, is all that it says.
    sys.stdout.write(f"{output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
