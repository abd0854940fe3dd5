"""`python -m myna` is `svc`."""

from myna.apps.cli import main

if __name__ == "__main__":
    main()
