"""The whole recipe, one part after the other: tokenizer, autoencoder, text encoder and UNet, decoder, export.

Stopped and run again with the same --work, it goes on where it was.
"""
import argparse
import os
import subprocess
import sys

SHARES = {'autoencoder': 0.25, 'diffusion': 0.55, 'decoder': 0.2}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--archive', required=True, help='zip of the art (build_dataset.py)')
    p.add_argument('--concepts', required=True, help='labels to learn, one a line')
    p.add_argument('--minutes', type=float, default=240, help='training time in all')
    p.add_argument('--steps', type=int, default=0, help='steps of the diffusion part at most; the others take a share of it')
    p.add_argument('--styles', default='3d:5,flat:3,line:2')
    p.add_argument('--size', type=int, default=256)
    p.add_argument('--threads', type=int, default=0)
    p.add_argument('--work', required=True, help='folder for checkpoints and loss curves')
    p.add_argument('--out', required=True, help='folder of the finished model')
    a = p.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))

    def run(script, *arguments):
        print(f'== {script}', flush=True)
        subprocess.run([sys.executable, f'{here}/{script}.py', *map(str, arguments)], check=True)

    def limits(part):
        steps = ['--steps', max(1, round(a.steps * SHARES[part] / SHARES['diffusion']))] if a.steps else []
        return ['--minutes', a.minutes * SHARES[part], *steps, '--threads', a.threads, '--size', a.size, '--archive', a.archive, '--out', f'{a.work}/{part}']

    tokenizer = f'{a.work}/tokenizer'
    if not os.path.exists(f'{tokenizer}/merges.txt'):
        run('build_tokenizer', '--archive', a.archive, '--out', tokenizer)
    words = ['--concepts', a.concepts, '--tokenizer', tokenizer]
    run('train_autoencoder', *limits('autoencoder'))
    run('train_diffusion', *limits('diffusion'), *words, '--styles', a.styles, '--autoencoder', f'{a.work}/autoencoder/autoencoder.npz')
    run('train_decoder', *limits('decoder'), *words, '--styles', ','.join(s.split(':')[0] for s in a.styles.split(',')), '--weights', f'{a.work}/diffusion/weights.npz')
    run('export', '--weights', f'{a.work}/diffusion/weights.npz', '--autoencoder', f'{a.work}/decoder/autoencoder.npz', '--tokenizer', tokenizer, '--size', a.size, '--out', a.out)


if __name__ == '__main__':
    main()
