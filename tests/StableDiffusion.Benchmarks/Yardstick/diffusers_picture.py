"""One picture by diffusers on PyTorch, on the CPU in float32: MODEL SIZE STEPS THREADS. Prints seconds by stage as a JSON line."""
import json
import sys
import time

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

folder, (size, steps, threads) = sys.argv[1], map(int, sys.argv[2:5])
if threads:
    torch.set_num_threads(threads)

times = [time.perf_counter()]
pipe = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32, safety_checker=None)
pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
pipe.set_progress_bar_config(disable=True)
times.append(time.perf_counter())
with torch.no_grad():
    text, negative = pipe.encode_prompt("a castle", "cpu", 1, True)
    times.append(time.perf_counter())
    latents = pipe(
        prompt_embeds=text, negative_prompt_embeds=negative, height=size, width=size, num_inference_steps=steps, guidance_scale=7.5,
        generator=torch.Generator().manual_seed(1), output_type="latent").images
    times.append(time.perf_counter())
    pipe.vae.decode(latents / pipe.vae.config.scaling_factor)
    times.append(time.perf_counter())

print(json.dumps({"seconds": dict(zip(["load", "text", "unet", "vae"], (b - a for a, b in zip(times, times[1:]))))}))
