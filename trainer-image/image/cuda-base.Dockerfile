# The trainer's base image for GPUs: PyTorch's own libtorch 2.7.1 for CUDA 12.8, and a Java runtime.
#   docker build -t swav/cuda-base:2.7.1-cu128 - < trainer-image/image/cuda-base.Dockerfile
#   ./swav images --cuda --base docker://swav/cuda-base:2.7.1-cu128
# For another base, -Dswav.torch.folder=FOLDER names the folder of its libtorch_cuda.so.
FROM pytorch/pytorch:2.7.1-cuda12.8-cudnn9-runtime
RUN apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless && rm -rf /var/lib/apt/lists/*
