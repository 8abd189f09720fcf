#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tf.data with `workers` threads; tf.image's bicubic with antialiasing."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import tensorflow as tf  # noqa: E402

import peer  # noqa: E402


def preprocess(path):
    image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method="INTEGER_ACCURATE")
    shape = tf.shape(image)
    short = tf.minimum(shape[0], shape[1])
    size = peer.SIZE * shape[:2] // short
    image = tf.image.resize(image, size, method="bicubic", antialias=True)
    corner = (size - peer.SIZE) // 2
    image = tf.image.crop_to_bounding_box(image, corner[0], corner[1], peer.SIZE, peer.SIZE)
    return tf.transpose((image / 255 - peer.MEAN) / peer.STD, (2, 0, 1))


def open_peer(paths, workers):
    tf.config.threading.set_inter_op_parallelism_threads(workers)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    limits = tf.data.Options()
    limits.threading.private_threadpool_size = workers
    limits.threading.max_intra_op_parallelism = 1
    limits.deterministic = True

    def run(n):
        data = tf.data.Dataset.from_tensor_slices(paths[:n]).map(preprocess, num_parallel_calls=workers)
        data = data.batch(peer.BATCH).prefetch(2).with_options(limits)
        return (batch.numpy() for batch in data)

    return run


if __name__ == "__main__":
    peer.main(open_peer)
