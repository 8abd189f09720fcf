/* SPDX-License-Identifier: Apache-2.0 */
/* Made by normalise_golden.py with numpy 2.4.6: SHA-256 of float[3][256], little-endian. */
#define GOLDEN_CLIP_TORCHVISION "5d23c0b115c373c73875b37dce36aa6a54af484dd4332d5f9d07d6ebecb20900"
#define GOLDEN_CLIP_HF          "5d23c0b115c373c73875b37dce36aa6a54af484dd4332d5f9d07d6ebecb20900"
#define GOLDEN_IMAGENET_TORCHVISION                                                                \
    "1d8b9af12b7b391827f7c801265239e21435c7e29b4d78c6189a35e437633897"
#define GOLDEN_IMAGENET_HF      "1d8b9af12b7b391827f7c801265239e21435c7e29b4d78c6189a35e437633897"
#define GOLDEN_HALF_TORCHVISION "59e92db758d185f3e78b2d7a346580fc50ce7b0317d28f68f40ad10293501ab3"
#define GOLDEN_HALF_HF          "59e92db758d185f3e78b2d7a346580fc50ce7b0317d28f68f40ad10293501ab3"
#define GOLDEN_CLIP_HF_97       "887c7db6646aaf4395f2eb1ebc78aaf90dd3f235b0d5e0a4a43727b5ee44c362"
#define GOLDEN_CLIP_HF_FUSED    "29a746f2a7d5a596db6b933e44fc1d716612a1fa76dbfdda971aa0e1898749c5"
