"""Predict the commonest class among the training rows of each dataset.

Usage: predict.py FOLDER SPLIT OUT, for example predict.py results iid majority.parquet
"""

import sys

import vacuagym

folder, split, out = sys.argv[1:]
task = vacuagym.load_task("stability", split=split, folder=folder)
counts = task.train.group_by("dataset", "stability").len()
commonest = counts.sort("len", "stability", descending=[True, False]).group_by("dataset", maintain_order=True).first()
task.test.select(task.keys).join(commonest.select("dataset", "stability"), on="dataset").write_parquet(out)
