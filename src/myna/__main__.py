"""Run `svc` as `python -m myna`."""

from myna.apps.cli import main

if __name__ == "__main__":
    main()
