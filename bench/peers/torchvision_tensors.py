#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""torchvision's own decoder and uint8 tensors, a DataLoader with worker processes."""
import torch
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms.v2 import functional as F

import loader
import peer


def preprocess(path):
    image = decode_jpeg(read_file(path), mode=ImageReadMode.RGB)
    image = F.resize(image, [peer.SIZE], interpolation=F.InterpolationMode.BICUBIC, antialias=True)
    image = F.center_crop(image, [peer.SIZE, peer.SIZE])
    return F.normalize(F.to_dtype(image, torch.float32, scale=True), peer.MEAN, peer.STD)


if __name__ == "__main__":
    peer.main(lambda paths, workers: loader.open_loader(paths, workers, preprocess))
