"""Writes the fixtures of PyTorchFileTest with the PyTorch that is installed: python3 make.py FOLDER."""
import argparse
import sys
from collections import OrderedDict

import numpy
import torch

folder = sys.argv[1]


def values(*shape):
    count = int(numpy.prod(shape))
    return (torch.arange(count, dtype=torch.float64) / 8 - 1).reshape(shape)


shared = values(24).float()
weights = OrderedDict(
    [
        ("module.conv1.weight", values(2, 3, 2, 2).float().to(memory_format=torch.channels_last)),
        ("module.layer1.0.conv1.weight", values(4, 3).float().t()),
        ("module.bn1.weight", shared[4:8]),
        ("module.bn1.bias", torch.nn.Parameter(shared[8:16:2])),
        ("module.bn1.num_batches_tracked", torch.tensor(123456789012)),
        ("module.f16", values(5).half()),
        ("module.bf16", values(5).bfloat16()),
        ("module.f64", values(5) / 3),
        ("module.i32", torch.arange(3, dtype=torch.int32) - 1),
        ("module.u8", torch.arange(3, dtype=torch.uint8)),
        ("module.bool", torch.tensor([True, False])),
        ("module.empty", torch.zeros(0, 4)),
        ("module.projection_head.0.weight", values(3, 2).float()),
        ("module.prototypes.weight", values(5, 2).float()),
    ]
)
weights._metadata = OrderedDict([("", {"version": 1})])
checkpoint = {
    "epoch": 7,
    "best": numpy.float64(0.75),
    "size": torch.Size([1, 2]),
    "device": torch.device("cpu"),
    "args": argparse.Namespace(arch="resnet50", crops=[2, 6], numbers={"big": 2**70}),
    "rng": numpy.arange(3),
    "random": torch.ByteTensor([1, 2, 3]),
    "optimizer": {"state": {0: {"momentum_buffer": values(2, 2).float()}}, "param_groups": [{"lr": 0.5}]},
    "state_dict": weights,
}
torch.save(checkpoint, folder + "/checkpoint-zip.pth")
torch.save(checkpoint, folder + "/checkpoint-legacy.pth.tar", _use_new_zipfile_serialization=False)
torch.save(torch.nn.Linear(2, 2), folder + "/model-zip.pth")
torch.save(torch.nn.Linear(2, 2), folder + "/model-legacy.pth", _use_new_zipfile_serialization=False)
