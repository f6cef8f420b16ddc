"""Loading weekly LGSR files (``transactions_YYYYWW.csv[.gz]`` and ``time.csv``) so that nothing is lost.

`calendar` reads the fiscal weeks, `files` lists the folder and cuts each file into lines, `loading` brings new and
changed files into the landing tables with the SQL of `statements`. They raise `IngestionError`, whose message is
written for the person who put the files there.
"""

from grocery_recommender.ingestion.calendar import Week, read_calendar, read_weeks
from grocery_recommender.ingestion.errors import IngestionError
from grocery_recommender.ingestion.loading import LoadConfig, load, load_files

__all__ = ["IngestionError", "LoadConfig", "Week", "load", "load_files", "read_calendar", "read_weeks"]
