# The program with CUDA 13 and cuDNN 9; needs NVIDIA's container toolkit. From the repository's root:
#   docker build -f .docker/cuda.Dockerfile -t sd:cuda .
#   docker run --rm --gpus all -v "$PWD:/work" sd:cuda --device cuda "a red apple, 3d render"
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish src/StableDiffusion.Cli -c Release -p:OnnxRuntime=Gpu -r linux-x64 --self-contained -o /app

FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04
COPY --from=build /app /opt/sd
RUN ln -s /opt/sd/StableDiffusion.Cli /usr/local/bin/sd && mkdir /models && chmod 1777 /models
ENV HF_HOME=/models
WORKDIR /work
ENTRYPOINT ["sd"]
