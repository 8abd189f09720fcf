# SPDX-License-Identifier: Apache-2.0
"""Infers with NVIDIA's own client, in Triton's environment: what it gives is the reference for ours.

    triton_client.py http|grpc ADDRESS MODEL INPUT.npy OUTPUT.npy [--shared]

INPUT.npy is [N, ...]; with --shared both tensors travel through system shared memory.
"""
import argparse

import numpy as np

INPUT, OUTPUT = "input", "output"


def plain(client, module, model, rows, dtype):
    tensor = module.InferInput(INPUT, rows.shape, dtype)
    tensor.set_data_from_numpy(rows)
    return client.infer(model, [tensor], outputs=[module.InferRequestedOutput(OUTPUT)]).as_numpy(OUTPUT)


def shared(client, module, model, rows, dtype):
    import tritonclient.utils.shared_memory as shm
    dim = int(client_dims(client, model)[-1])
    name, size = f"millrace-client-{id(rows)}", rows.nbytes
    out_size = len(rows) * dim * 4
    region = shm.create_shared_memory_region(name, "/" + name, size + out_size)
    try:
        shm.set_shared_memory_region(region, [rows])
        client.register_system_shared_memory(name, "/" + name, size + out_size)
        tensor = module.InferInput(INPUT, rows.shape, dtype)
        tensor.set_shared_memory(name, size)
        output = module.InferRequestedOutput(OUTPUT)
        output.set_shared_memory(name, out_size, offset=size)
        client.infer(model, [tensor], outputs=[output])
        client.unregister_system_shared_memory(name)
        return np.array(shm.get_contents_as_numpy(region, np.float32, [len(rows), dim], offset=size))
    finally:
        shm.destroy_shared_memory_region(region)


def client_dims(client, model):
    metadata = client.get_model_metadata(model)
    output = metadata["outputs"][0] if isinstance(metadata, dict) else metadata.outputs[0]
    return output["shape"] if isinstance(output, dict) else output.shape


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("protocol", choices=("http", "grpc"))
    parser.add_argument("address")
    parser.add_argument("model")
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--shared", action="store_true")
    args = parser.parse_args()
    if args.protocol == "http":
        import tritonclient.http as module
    else:
        import tritonclient.grpc as module
    from tritonclient.utils import np_to_triton_dtype
    rows = np.load(args.source)
    client = module.InferenceServerClient(args.address)
    run = shared if args.shared else plain
    np.save(args.target, run(client, module, args.model, rows, np_to_triton_dtype(rows.dtype)))
    client.close()


if __name__ == "__main__":
    main()
