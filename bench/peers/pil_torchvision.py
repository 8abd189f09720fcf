#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pipeline of most training and embedding code: PIL, torchvision's transforms, a DataLoader with workers."""
from PIL import Image
from torchvision import transforms

import loader
import peer

TRANSFORM = transforms.Compose([
    transforms.Resize(peer.SIZE, interpolation=transforms.InterpolationMode.BICUBIC),
    transforms.CenterCrop(peer.SIZE), transforms.ToTensor(), transforms.Normalize(peer.MEAN, peer.STD)])


def preprocess(path):
    with Image.open(path) as image:
        return TRANSFORM(image.convert("RGB"))


if __name__ == "__main__":
    peer.main(lambda paths, workers: loader.open_loader(paths, workers, preprocess))
