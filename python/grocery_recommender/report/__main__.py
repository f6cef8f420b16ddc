"""``python -m grocery_recommender.report [FOLDER]``: writes ``report.html`` beside the current publication."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from grocery_recommender.report.page import write_report

if __name__ == "__main__":
    folder = Path(
        sys.argv[1] if len(sys.argv) > 1 else os.environ.get("GROCERY_PUBLISH_DIR", "published/complete_journey")
    )
    try:
        print(write_report(folder))
    except FileNotFoundError as error:
        sys.exit(str(error))
