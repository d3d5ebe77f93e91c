"""The networks' calls of one picture by OpenVINO, on the CPU in float32: MODEL SIZE STEPS THREADS. Prints seconds by stage as a JSON line."""
import json
import sys
import time

import numpy
import openvino

folder, (size, steps, threads) = sys.argv[1], map(int, sys.argv[2:5])
core = openvino.Core()
config = {"INFERENCE_PRECISION_HINT": "f32"}
if threads:
    config["INFERENCE_NUM_THREADS"] = threads
seconds = dict.fromkeys(["load", "text", "unet", "vae"], 0.0)


def run(part, stage, calls, values):
    """Opens a network, calls it and closes it; an input that is not named gets ones."""
    start = time.perf_counter()
    model = core.read_model(f"{folder}/{part}/model.onnx")
    inputs = []
    for port in model.inputs:
        shape = [1 if axis.is_dynamic else axis.get_length() for axis in port.partial_shape]
        inputs.append(values[port.any_name] if port.any_name in values else numpy.ones(shape))
    model.reshape({i: list(value.shape) for i, value in enumerate(inputs)})
    compiled = core.compile_model(model, "CPU", config)
    inputs = [value.astype(port.element_type.to_dtype()) for port, value in zip(compiled.inputs, inputs)]
    loaded = time.perf_counter()
    request = compiled.create_infer_request()
    for _ in range(calls):
        request.infer(inputs)
    seconds["load"] += loaded - start
    seconds[stage] = time.perf_counter() - loaded
    return request.get_output_tensor(0).data.copy()


with open(f"{folder}/text_encoder/config.json", encoding="utf-8") as file:
    length = json.load(file)["max_position_embeddings"]
with open(f"{folder}/unet/config.json", encoding="utf-8") as file:
    channels = json.load(file)["in_channels"]
noise = numpy.random.default_rng(0).standard_normal((2, channels, size // 8, size // 8))
text = run("text_encoder", "text", 1, {"input_ids": numpy.zeros((2, length))})
run("unet", "unet", steps, {"sample": noise, "encoder_hidden_states": text})
run("vae_decoder", "vae", 1, {"latent_sample": noise[:1]})
print(json.dumps({"seconds": seconds}))
