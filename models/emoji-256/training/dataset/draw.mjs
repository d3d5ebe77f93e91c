// Writes STYLE/HEX.png (or .webp, as published) and captions.json of the five sets of art: node draw.mjs OUT
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Resvg } from '@resvg/resvg-js';

// resvg-js 2.6.2 ends the whole process on these.
const UNDRAWABLE = new Set(['noto/1f4e6']);

const out = process.argv[2];
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

const drawn = new Set();
const sets = { flat: 'fluent-emoji-flat', line: 'fluent-emoji-high-contrast', noto: 'noto', twemoji: 'twemoji' };
for (const [style, name] of Object.entries(sets)) {
    mkdirSync(`${out}/${style}`, { recursive: true });
    const { icons, aliases, width, height } = read(`@iconify-json/${name}/icons.json`);
    const chars = Object.fromEntries(Object.entries(read(`@iconify-json/${name}/chars.json`)).reverse().map(([code, icon]) => [plain(code), icon]));
    const seen = new Set();
    for (const hex of Object.keys(captions)) {
        const icon = icons[chars[hex]] ?? icons[aliases?.[chars[hex]]?.parent];
        if (!icon || seen.has(icon.body) || UNDRAWABLE.has(`${style}/${hex}`)) {
            continue;
        }

        seen.add(icon.body);
        drawn.add(hex);
        const size = `0 0 ${icon.width ?? width ?? 16} ${icon.height ?? height ?? 16}`;
        const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="${size}">${icon.body.replaceAll('currentColor', '#000')}</svg>`;
        writeFileSync(`${out}/${style}/${hex}.png`, new Resvg(svg, { fitTo: { mode: 'width', value: 256 } }).render().asPng());
    }
}

mkdirSync(`${out}/3d`, { recursive: true });
const seen = new Set();
for (const emoji of read('emojibase-data/en/data.json')) {
    const hex = plain(emoji.hexcode);
    const file = [emoji.hexcode.toLowerCase(), hex].map(code => new URL(`node_modules/@lobehub/fluent-emoji-3d/assets/${code}.webp`, import.meta.url)).find(url => existsSync(url));
    if (file && captions[hex]) {
        const bytes = readFileSync(file).toString('latin1');
        if (!seen.has(bytes)) {
            seen.add(bytes);
            drawn.add(hex);
            copyFileSync(file, `${out}/3d/${hex}.webp`);
        }
    }
}

writeFileSync(`${out}/captions.json`, JSON.stringify(Object.fromEntries(Object.entries(captions).filter(([hex]) => drawn.has(hex)))));
