"""The verbs of `sweep`: one file each, and the workplace that all of them take.

The one place that chooses concrete parts: Optuna for the search, processes of this machine for workers, a database
for the store.
"""
