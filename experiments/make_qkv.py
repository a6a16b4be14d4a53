#!/usr/bin/env python3
"""Writes Q, K and V for from_numpy.yaml: make_qkv.py [FILE] (default: qkv.safetensors beside this script).

q: [query tokens, query heads, dim]; k, v: [cached + query tokens, kv heads, dim]; sequences one after the other, in
fp32 or in the case's dtype. From PyTorch: safetensors.torch.save_file({'q': q, 'k': k, 'v': v}, FILE), or as below with
tensor.numpy().
"""

import json
import pathlib
import struct
import sys

import numpy as np

SEQUENCES = [(0, 384), (96, 32)]  # (cached, query)
QUERY_HEADS, KV_HEADS, DIM = 4, 2, 32


def save_safetensors(path, tensors):
    header, offset = {}, 0
    for name, array in tensors.items():
        header[name] = {'dtype': 'F32', 'shape': list(array.shape), 'data_offsets': [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array, dtype='<f4').tobytes())


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent / 'qkv.safetensors'
    random = np.random.default_rng(1)
    queries = sum(query for _, query in SEQUENCES)
    keys = sum(cached + query for cached, query in SEQUENCES)
    save_safetensors(path, {
        'q': random.standard_normal((queries, QUERY_HEADS, DIM), dtype=np.float32),
        'k': random.standard_normal((keys, KV_HEADS, DIM), dtype=np.float32),
        'v': random.standard_normal((keys, KV_HEADS, DIM), dtype=np.float32),
    })


if __name__ == '__main__':
    main()
