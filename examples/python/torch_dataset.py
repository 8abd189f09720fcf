# SPDX-License-Identifier: Apache-2.0
"""A PyTorch IterableDataset whose batches are made by millrace's workers.

No workers of the DataLoader are needed (num_workers=0): the pictures are decoded in millrace's processes while the
training step runs, and the tensors are views of their memory.

usage: python torch_dataset.py FOLDER
"""
import sys

import torch
from torch.utils.data import DataLoader, IterableDataset

import millrace


class Pictures(IterableDataset):
    """Yields (float32 [N,3,H,W], ids). A tensor is a view: it is valid until the next one but `slots - 1`."""

    def __init__(self, inputs, plan="openai/clip-vit-base-patch32@openclip", **options):
        self.inputs = inputs
        self.plan = plan
        self.options = options

    def __iter__(self):
        with millrace.Stream(self.inputs, self.plan, **self.options) as stream:
            for batch in stream:
                if len(batch):
                    yield torch.from_dlpack(batch), batch.ids


def main():
    loader = DataLoader(Pictures(sys.argv[1], batch=32), batch_size=None)  # batches come as they are
    model = torch.nn.Sequential(torch.nn.AvgPool2d(32), torch.nn.Flatten(), torch.nn.Linear(147, 8))
    seen = 0
    with torch.no_grad():
        for rows, ids in loader:
            assert model(rows).shape == (len(ids), 8)
            seen += len(ids)
            del rows
    print(f"{seen} pictures")


if __name__ == "__main__":
    main()
