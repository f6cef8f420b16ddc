"""Next-week purchase prediction: the learning half of the warehouse.

Modules are named for what they do; only `dbt_plugin` and the models in `models/` know dbt.
"""

import os

# Threads of OpenMP (LightGBM, scikit-learn, implicit) that wait for each other spin, by default for milliseconds. Where
# anything else wants the cores, such as another model that dbt builds, each wait then lasts that long, and a fit of 3
# seconds takes 90. A short spin costs nothing on a quiet machine. GNU's OpenMP reads this once, when it is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
