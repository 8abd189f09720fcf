# SPDX-License-Identifier: Apache-2.0
"""A torch DataLoader as a peer: workers stay up from one run to the next."""
from torch.utils.data import DataLoader, Dataset

import peer


class Files(Dataset):
    def __init__(self, paths, preprocess):
        self.paths, self.preprocess = paths, preprocess

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.preprocess(self.paths[index])


class FirstN:
    """A sampler of the first n files; n changes between runs."""
    n = 0

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


def open_loader(paths, workers, preprocess):
    sampler = FirstN()
    batches = DataLoader(Files(paths, preprocess), batch_size=peer.BATCH, sampler=sampler, num_workers=workers,
                         persistent_workers=True)

    def run(n):
        sampler.n = n
        for batch in batches:
            yield batch.numpy()

    return run
