"""`controller`, or `python -m controller`."""

from __future__ import annotations

import os
import sys

from controller.cli import build_parser
from controller.errors import ConfigurationError, ControllerError

INTERRUPTED = 130
"""128 and SIGINT, as shells count it."""


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code; a mistake is one line on stderr, not a traceback."""
    try:
        argv = sys.argv[1:] if argv is None else argv
        args = build_parser(argv[0] if argv else None).parse_args(argv)
        code: int = args.run(args)
        sys.stdout.flush()
    except SystemExit as exit_:  # argparse, after --help or a usage error
        return exit_.code if isinstance(exit_.code, int) else 1
    except (ConfigurationError, ControllerError) as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)  # noqa: T201 - that is where it belongs
        return 2 if isinstance(error, ConfigurationError) else 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `controller … | head`: nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
