// Writes STYLE/HEX.png (or .webp, as published) and captions.json of the five sets of art: node draw.mjs OUT SIZE
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Resvg } from '@resvg/resvg-js';

// resvg-js 2.6.2 ends the whole process on these.
const UNDRAWABLE = new Set(['noto/1f4e6']);

const out = process.argv[2];
const size = Number(process.argv[3]);
const read = path => JSON.parse(readFileSync(new URL(`node_modules/${path}`, import.meta.url)));
const plain = code => code.toLowerCase().split('-').filter(part => part !== 'fe0f').join('-');

const { groups } = read('emojibase-data/meta/groups.json');
const captions = {};
for (const emoji of read('emojibase-data/en/data.json')) {
    const group = groups[emoji.group];
    if (group && group !== 'flags' && group !== 'component' && !emoji.label.startsWith('family')) {
        captions[plain(emoji.hexcode)] = { label: emoji.label, tags: emoji.tags ?? [], group: group.replace('-', ' & ') };
    }
}

// Of equal drawings the first by file name stays.
const inOrder = codes => codes.sort((a, b) => (`${a}.` < `${b}.` ? -1 : 1));

const drawn = new Set();
const sets = { flat: 'fluent-emoji-flat', line: 'fluent-emoji-high-contrast', noto: 'noto', twemoji: 'twemoji' };
for (const [style, name] of Object.entries(sets)) {
    mkdirSync(`${out}/${style}`, { recursive: true });
    const { icons, aliases, width, height } = read(`@iconify-json/${name}/icons.json`);
    const chars = Object.fromEntries(Object.entries(read(`@iconify-json/${name}/chars.json`)).reverse().map(([code, icon]) => [plain(code), icon]));
    const seen = new Set();
    for (const hex of inOrder(Object.keys(captions))) {
        const icon = icons[chars[hex]] ?? icons[aliases?.[chars[hex]]?.parent];
        if (!icon || seen.has(icon.body) || UNDRAWABLE.has(`${style}/${hex}`)) {
            continue;
        }

        seen.add(icon.body);
        drawn.add(hex);
        const viewBox = `0 0 ${icon.width ?? width ?? 16} ${icon.height ?? height ?? 16}`;
        const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="${viewBox}">${icon.body.replaceAll('currentColor', '#212121')}</svg>`;
        writeFileSync(`${out}/${style}/${hex}.png`, new Resvg(svg, { fitTo: { mode: 'width', value: size } }).render().asPng());
    }
}

mkdirSync(`${out}/3d`, { recursive: true });
const seen = new Set();
const assets = new URL('node_modules/@lobehub/fluent-emoji-3d/assets/', import.meta.url);
const files = Object.fromEntries(readdirSync(assets).filter(name => name.endsWith('.webp')).map(name => [plain(name.slice(0, -5)), name]));
for (const hex of inOrder(Object.keys(files)).filter(code => captions[code])) {
    const bytes = readFileSync(new URL(files[hex], assets));
    if (!seen.has(bytes.toString('latin1'))) {
        seen.add(bytes.toString('latin1'));
        drawn.add(hex);
        writeFileSync(`${out}/3d/${hex}.webp`, bytes);
    }
}

writeFileSync(`${out}/captions.json`, JSON.stringify(Object.fromEntries(Object.entries(captions).filter(([hex]) => drawn.has(hex)))));
