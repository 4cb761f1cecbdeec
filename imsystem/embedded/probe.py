"""The container's health check: exit code 0 when /healthz answers 200 on this machine."""

import http.client
import os
import sys


def first_host() -> str:
    """A name that Django accepts; `.example.org` stands for example.org and all below it."""
    return os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".") or "localhost"


def main(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", "/healthz", headers={"Host": first_host()})
        return 0 if connection.getresponse().status == 200 else 1
    except OSError as exc:
        print(f"no answer on port {port}: {exc}")
        return 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 8000))
