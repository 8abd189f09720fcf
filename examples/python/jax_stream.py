# SPDX-License-Identifier: Apache-2.0
"""Batches into a jitted function of JAX, without a copy on the CPU.

usage: python jax_stream.py FOLDER
"""
import sys

import jax
import jax.numpy as jnp

import millrace


@jax.jit
def embed(rows):
    """[N,3,H,W] -> unit vectors [N,147]: the means of 7x7 fields."""
    n, channels, height, width = rows.shape
    fields = rows.reshape(n, channels, 7, height // 7, 7, width // 7).mean(axis=(3, 5)).reshape(n, -1)
    return fields / jnp.linalg.norm(fields, axis=1, keepdims=True)


def main():
    vectors, ids = [], []
    with millrace.Stream(sys.argv[1], "openai/clip-vit-base-patch32@openclip") as stream:
        for batch in stream:
            if not len(batch):
                continue
            rows = jax.dlpack.from_dlpack(batch)
            vectors.append(embed(rows).block_until_ready())  # done with the slot before it goes back
            ids += batch.ids
            del rows
    similar = jnp.concatenate(vectors) @ jnp.concatenate(vectors).T
    nearest = jnp.argsort(-similar, axis=1)[:, 0]
    print(f"{len(ids)} pictures, {int((nearest == jnp.arange(len(ids))).sum())} nearest to themselves")


if __name__ == "__main__":
    main()
