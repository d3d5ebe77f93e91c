"""Writes the model folder that programs load: ONNX files in the layout of optimum's exports, weights float16, arithmetic float32."""
import argparse
import json
import os
import shutil
import warnings

import numpy as np
import torch

from onnx_file import half
from networks import TOKENS, VOCABULARY, load


class Encode(torch.nn.Module):
    def __init__(self, autoencoder):
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, x):
        return torch.cat(self.autoencoder.encode(x), 1)


class Decode(torch.nn.Module):
    def __init__(self, autoencoder):
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, z):
        return self.autoencoder.decode(z)


def write(value, path):
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(value, f, indent=2)
        f.write('\n')


def export(weights, tokenizer, out, size=256):
    text, unet, autoencoder, scale = load(weights)
    latent = size // 8

    def graph(network, example, name, inputs, outputs, axes, config):
        folder = f'{out}/{name}'
        os.makedirs(folder, exist_ok=True)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            # From 2.x on the other exporter is the default; this one gives optimum's names.
            other = {'dynamo': False} if int(torch.__version__.split('.')[0]) > 1 else {}
            torch.onnx.export(network.eval(), example, f'{folder}/model.onnx', input_names=inputs, output_names=outputs, dynamic_axes=axes, opset_version=17, do_constant_folding=True, **other)
        half(f'{folder}/model.onnx')
        write(config, f'{folder}/config.json')
        print(f'{name} {os.path.getsize(folder + "/model.onnx") // 1024} KiB')

    ids = torch.cat([torch.full((2, 1), VOCABULARY - 2), torch.randint(0, VOCABULARY - 2, (2, 6)), torch.full((2, TOKENS - 7), VOCABULARY - 1)], 1)
    words = {0: 'batch_size', 1: 'sequence_length'}
    graph(text, (ids,), 'text_encoder', ['input_ids'], ['last_hidden_state'], {'input_ids': words, 'last_hidden_state': words}, {
        'model_type': 'clip_text_model', 'hidden_size': 256, 'num_hidden_layers': 2, 'num_attention_heads': 4, 'intermediate_size': 512,
        'vocab_size': VOCABULARY, 'max_position_embeddings': TOKENS, 'bos_token_id': VOCABULARY - 2, 'eos_token_id': VOCABULARY - 1})
    plane = {0: 'batch_size', 2: 'height', 3: 'width'}
    graph(unet, (torch.randn(2, 4, latent, latent), torch.tensor(1.0), torch.randn(2, TOKENS, 256)), 'unet', ['sample', 'timestep', 'encoder_hidden_states'], ['out_sample'],
          {'sample': plane, 'encoder_hidden_states': words, 'out_sample': plane}, {
        '_class_name': 'UNet2DConditionModel', 'sample_size': latent, 'in_channels': 4, 'out_channels': 4, 'patch_size': 2, 'flip_sin_to_cos': True, 'freq_shift': 0,
        'down_block_types': ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'], 'mid_block_type': 'UNetMidBlock2DCrossAttn',
        'up_block_types': ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'], 'block_out_channels': list(unet.widths), 'layers_per_block': 1,
        'norm_num_groups': 16, 'cross_attention_dim': 256, 'attention_head_dim': [2, 4, 4], 'use_linear_projection': True,
        'addition_embed_type': 'text', 'addition_embed_type_num_heads': 4})
    shape = {'_class_name': 'AutoencoderKL', 'in_channels': 3, 'out_channels': 3, 'latent_channels': 4, 'block_out_channels': list(autoencoder.widths),
             'sample_size': size, 'scaling_factor': round(scale, 6)}
    small = {0: 'batch_size', 2: 'latent_height', 3: 'latent_width'}
    graph(Decode(autoencoder), (torch.randn(1, 4, latent, latent),), 'vae_decoder', ['latent_sample'], ['sample'], {'latent_sample': small, 'sample': plane}, shape)
    graph(Encode(autoencoder), (torch.randn(1, 3, size, size),), 'vae_encoder', ['sample'], ['latent_parameters'], {'sample': plane, 'latent_parameters': small}, shape)

    os.makedirs(f'{out}/tokenizer', exist_ok=True)
    for name in ('vocab.json', 'merges.txt', 'tokenizer_config.json', 'special_tokens_map.json'):
        if os.path.abspath(tokenizer) != os.path.abspath(f'{out}/tokenizer'):
            shutil.copyfile(f'{tokenizer}/{name}', f'{out}/tokenizer/{name}')
    os.makedirs(f'{out}/scheduler', exist_ok=True)
    write({'_class_name': 'DDIMScheduler', 'num_train_timesteps': 1000, 'beta_start': 0.00085, 'beta_end': 0.012, 'beta_schedule': 'scaled_linear',
           'prediction_type': 'v_prediction', 'rescale_betas_zero_snr': True, 'timestep_spacing': 'trailing', 'clip_sample': False, 'set_alpha_to_one': True,
           'steps_offset': 0}, f'{out}/scheduler/scheduler_config.json')
    write({'num_inference_steps': 25, 'guidance_scale': 2.5, 'strength': 0.6}, f'{out}/generation_config.json')
    write({'_class_name': 'StableDiffusionPipeline', '_diffusers_version': '0.39.0', 'feature_extractor': [None, None], 'image_encoder': [None, None],
           'requires_safety_checker': False, 'safety_checker': [None, None], 'scheduler': ['diffusers', 'DDIMScheduler'], 'text_encoder': ['transformers', 'CLIPTextModel'],
           'tokenizer': ['transformers', 'CLIPTokenizer'], 'unet': ['diffusers', 'UNet2DConditionModel'], 'vae': ['diffusers', 'AutoencoderKL']}, f'{out}/model_index.json')


def shrink(source, target):
    """The weights file as it is published: float16 like the ONNX files, the scale float32."""
    files = np.load(source)
    np.savez(target, **{k: files[k] if k == 'scale' else files[k].astype(np.float16) for k in files.files})


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--weights', required=True)
    p.add_argument('--autoencoder', help='take the autoencoder from this weights file (train_decoder.py)')
    p.add_argument('--tokenizer', required=True, help='folder with the four tokenizer files')
    p.add_argument('--size', type=int, default=256)
    p.add_argument('--out', required=True)
    a = p.parse_args()
    weights = a.weights
    os.makedirs(a.out, exist_ok=True)
    if a.autoencoder:
        files, other = np.load(a.weights), np.load(a.autoencoder)
        weights = f'{a.out}/merged.npz'
        np.savez(weights, **{k: files[k] for k in files.files if not k.startswith('v.')}, **{k: other[k] for k in other.files})
    export(weights, a.tokenizer, a.out, a.size)
    if a.autoencoder:
        os.replace(weights, f'{a.out}/weights.npz')


if __name__ == '__main__':
    main()
