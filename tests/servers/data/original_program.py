# SPDX-License-Identifier: Apache-2.0
"""A program as users of the original pipeline have it. Only the import line may change.

usage: python original-example.py CONFIG.yaml FOLDER_OF_JPEGS
Needs a Triton server with the configured model and a Milvus server; prints the nearest neighbour of each of the first five pictures.
"""
import glob
import os
import sys

from millrace import ImageEmbeddingPipeline, ServiceConfig, StreamingMultiprocessPreprocessor


def main():
    config = ServiceConfig.from_yaml(sys.argv[1])
    paths = sorted(glob.glob(os.path.join(sys.argv[2], "*.jpg")))
    ids = [os.path.splitext(os.path.basename(p))[0] for p in paths]
    metadata = [{"path": p, "number": n} for n, p in enumerate(paths)]

    with ImageEmbeddingPipeline(config) as pipeline:
        name = config.milvus.collection_name
        if name not in pipeline.list_collections():
            pipeline.create_collection(name, dim=config.milvus.embedding_dim, description="pictures")
        inserted = pipeline.insert_images_streaming(inputs=paths, ids=ids, metadata=metadata, batch_size=32, num_preprocess_workers=2)
        assert inserted == ids
        for path, number in zip(paths[:5], range(5)):
            best = pipeline.search_images(path, topk=3)[0]
            assert best["metadata"]["number"] == number, best
            print(path, "->", best["id"], round(best["distance"], 4))
        print(pipeline.get_collection_stats(name), pipeline.health_check())

    with StreamingMultiprocessPreprocessor(num_workers=2, batch_size=16, image_size=(224, 224), data_format="NCHW") as preprocessor:
        seen = 0
        for batch in preprocessor.preprocess_stream(paths, ids=ids, metadata=metadata):
            assert batch["preprocessed"].shape == (len(batch["ids"]), 3, 224, 224)
            assert batch["ids"] == ids[seen:seen + len(batch["ids"])]
            seen += len(batch["ids"])
        assert seen == len(paths)
        everything = preprocessor.preprocess_batch_sync(paths[:40], batch_size=8)
        print("stream", seen, "sync", everything.shape)


if __name__ == "__main__":
    main()
