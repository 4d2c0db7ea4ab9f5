"""`python -m videogen_mcp` and the command `videogen-mcp`.

A host runs it without arguments and waits for the handshake, so that way loads nothing but the server itself.
"""

import sys


def main() -> None:
    """Serve over stdio when there are no arguments (or only `serve`), else run the command line."""
    if sys.argv[1:] in ([], ["serve"]):
        _serve()
        return
    from videogen_mcp.cli import run  # noqa: PLC0415 -- typer and rich are for people, not for hosts

    run()


def _serve() -> None:
    from videogen_mcp.errors import VideoGenError  # noqa: PLC0415 -- only this way needs it
    from videogen_mcp.logs import start_logging  # noqa: PLC0415
    from videogen_mcp.service import open_service  # noqa: PLC0415
    from videogen_mcp.settings import load_settings  # noqa: PLC0415

    try:
        settings = load_settings()
    except VideoGenError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    start_logging(settings.log_level)
    from videogen_mcp.server import run_stdio  # noqa: PLC0415 -- the SDK is the largest part of the start

    try:
        run_stdio(open_service(settings))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
