"""Record files and search results of faiss; run once, with a Python that has faiss-cpu.

python record_faiss.py faiss.npz
"""

from __future__ import annotations

import pickle
import sys
from typing import Any

import faiss
import numpy as np

N_VECTORS, N_CHANNELS = 60, 6
N_NEIGHBOURS = 8


def cells(vectors: Any, n_cells: int) -> Any:
    index = faiss.index_factory(N_CHANNELS, f"IVF{n_cells},Flat")
    index.cp.min_points_per_centroid = 1
    index.train(vectors)
    return index


def serialised(index: Any) -> Any:
    return np.frombuffer(faiss.serialize_index(index).tobytes(), np.uint8)


if __name__ == "__main__":
    random = np.random.default_rng(0)
    vectors = random.standard_normal((N_VECTORS, N_CHANNELS)).astype(np.float32)
    queries = random.standard_normal((10, N_CHANNELS)).astype(np.float32)
    few = vectors[:3]

    full = cells(vectors, 4)
    trained = serialised(full)
    full.add(vectors)
    sparse = cells(vectors, 20)
    sparse.add(few)
    by_array, by_table = cells(vectors, 4), cells(vectors, 4)
    for index, kind in ((by_array, faiss.DirectMap.Array), (by_table, faiss.DirectMap.Hashtable)):
        index.add(vectors)
        index.set_direct_map_type(kind)
    flat, product = faiss.IndexFlatL2(N_CHANNELS), faiss.IndexFlatIP(N_CHANNELS)
    flat.add(vectors)
    product.add(vectors)
    quantised = faiss.index_factory(N_CHANNELS, "IVF2,SQ8")
    quantised.train(vectors)
    quantised.add(vectors)

    # Result of RVC's pipeline with every cell searched.
    full.nprobe = 4
    score, found = full.search(queries, N_NEIGHBOURS)
    weight = np.square(1 / score)
    answers = (vectors[found] * (weight / weight.sum(1, keepdims=True))[:, :, None]).sum(1)
    # so-vits-svc 4.1 pickles one index for each speaker index.
    pickled = pickle.dumps({0: full, 1: sparse})
    np.savez_compressed(
        sys.argv[1],
        vectors=vectors,
        few=few,
        queries=queries,
        answers=answers,
        full=serialised(full),
        trained=trained,
        sparse=serialised(sparse),
        by_array=serialised(by_array),
        by_table=serialised(by_table),
        flat=serialised(flat),
        product=serialised(product),
        quantised=serialised(quantised),
        pickled=np.frombuffer(pickled, np.uint8),
    )
