"""Next-week purchase prediction: the learning half of the warehouse.

Modules are named for what they do; only `dbt_plugin` and the models in `models/` know dbt.
"""
