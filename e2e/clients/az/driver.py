"""Runs Azure CLI commands in one process, because starting Python for each costs seconds.

Reads one JSON array of arguments per line from standard input and answers each with one
JSON line: {"code": exit status, "out": standard output, "err": standard error}. Each
command gets a new CLI object, as `az` makes it (azure/cli/__main__.py), so that it reads
clouds, accounts and settings from disk again. Nothing else is shared but loaded modules.
"""

import json
import os
import sys
import tempfile


def captured(descriptor):
    """Sends a descriptor to a file from now on and returns that file, and where it led."""
    before = os.dup(descriptor)
    file = tempfile.TemporaryFile()
    os.dup2(file.fileno(), descriptor)
    return file, before


def drain(file):
    """Returns what was written to a captured descriptor since the last call."""
    file.seek(0)
    text = file.read().decode("utf-8", "replace")
    file.seek(0)
    file.truncate()
    return text


def invoke(args):
    """Runs one command and returns its exit status, as azure/cli/__main__.py does."""
    from azure.cli.core import get_default_cli
    from azure.cli.core.azclierror import AzCLIError

    try:
        cli = get_default_cli()
        return cli.invoke(args) or 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except AzCLIError as error:
        error.print_error()
        return 1
    except Exception as error:  # the CLI itself would print a traceback and end
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def main():
    out, stdout = captured(1)
    err, _ = captured(2)
    answers = os.fdopen(stdout, "w")
    for line in sys.stdin:
        code = invoke(json.loads(line))
        sys.stdout.flush()
        sys.stderr.flush()
        json.dump({"code": code, "out": drain(out), "err": drain(err)}, answers)
        answers.write("\n")
        answers.flush()


if __name__ == "__main__":
    main()
