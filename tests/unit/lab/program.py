"""A program that tells how it was started, as JSON, and does what its argument says."""

import json
import os
import sys
import time


def main():
    what = sys.argv[1]
    print(json.dumps({"arguments": sys.argv[1:], "environment": dict(os.environ),
                      "directory": os.getcwd(), "input": sys.stdin.read()}), flush=True)
    if what == "sleep":
        time.sleep(60)
    if what == "fail":
        raise ValueError("as it was told")
    return int(what) if what.isdigit() else what
