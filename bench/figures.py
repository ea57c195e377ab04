"""Write the figures of the last measurements into the pages: `python -m bench.figures`."""

from __future__ import annotations

from tests.support.figures import places
from tests.support.sound import CHECKOUT


def main() -> None:
    for place in places():
        path = CHECKOUT / place.page
        before = path.read_text(encoding="utf-8")
        after = place.updated(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print("updated", place)


if __name__ == "__main__":
    main()
