"""Threefolds by CYTools, run by the Python of an environment of its own: JSON lines in and out.

    .venv-cytools/bin/python tests/geometry/with_cytools.py < threefolds.jsonl

A line in holds ``rays`` and, if its triangulation is to be taken, ``simplices`` of their numbers. A line out holds ``kappa``
and ``c2`` of the rays' divisors, ``mori``, the generators of the toric Mori cone, and the ``seconds`` of CPU time without it.
"""

import json
import sys
import time
import warnings

import cytools
import numpy as np

warnings.simplefilter("ignore")
cytools.config.enable_experimental_features()  # or it refuses polytopes that are not favourable


def threefold(rays, simplices=None):
    began = time.process_time()
    polytope = cytools.Polytope(rays)
    labels = np.array(polytope.points_to_labels(rays))
    if simplices is not None:
        cones = labels[np.array(simplices)]
        simplices = np.sort(np.insert(cones, 0, 0, axis=1), axis=1).tolist()  # the origin has the label 0
    triangulation = polytope.triangulate(simplices=simplices, include_points_interior_to_facets=False)
    variety = triangulation.get_cy()
    kappa = variety.intersection_numbers(in_basis=False)
    c2 = variety.second_chern_class(include_origin=True)
    seconds = time.process_time() - began
    mori = variety.toric_mori_cone().rays()
    ray = {int(label): r for r, label in enumerate(labels)}
    return {
        "kappa": sorted(
            [*sorted(ray[int(i)] for i in index), round(float(value))]
            for index, value in kappa.items()
            if not any(int(i) == 0 for i in index)
        ),
        "c2": [round(float(c2[label])) for label in labels],
        "mori": np.asarray(mori)[:, labels].tolist(),
        "seconds": seconds,
    }


for line in sys.stdin:
    print(json.dumps(threefold(**json.loads(line))))
