// Ids of Hugging Face's tokenizers 0.22.2 (npm install @anush008/tokenizers@0.6.0), run in tests/StableDiffusion.Tests/Conditioning:
// node make_tokenizer_golden.js > tokenizer-golden.json
// The BERT vocabulary is made here: special tokens, characters and their continuations, and a few words. BERT's parts are those that transformers'
// BertConverter puts together from tokenizer_config.json; T5's vocabulary is goldens/families/t5-tokenizer with other pre-tokenizers.
const fs = require('fs'), { Tokenizer } = require('@anush008/tokenizers');
const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => String.fromCodePoint(from + i));
const characters = [...range(0x21, 0x7e), ...range(0xa1, 0xac), ...range(0xae, 0x17f), ...range(0x1c4, 0x1cc), ...range(0x391, 0x3a1), ...range(0x3a3, 0x3c9), ...range(0x5d0, 0x5ea),
  ...range(0x5be, 0x5be), ...range(0x903, 0x940), ...range(0x1100, 0x1112), ...range(0x1161, 0x1175), ...range(0x11a8, 0x11c2), ...range(0x2010, 0x2027), ...range(0x20ac, 0x20ac), ...range(0x2122, 0x2122),
  ...range(0x2160, 0x216b), ...range(0x2460, 0x2468), ...range(0x3001, 0x3011), ...range(0x30a1, 0x30ab), '\u302e', '\u302f', '\u3400', '\u4e00', '\u732b', '\uff01', '\uff04', '\uff21', '\uff41'];
const vocabulary = [...specials, ...characters, ...characters.map(c => '##' + c), 'cat', 'hello', 'don', 'wor', '##ld', 'the', '##ing', '[mask]x', 'caf\u00e9', 'CAT'];
const words = [...new Set(vocabulary)];
const added = words.slice(0, 5).map((content, id) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }));
const bert = ({ do_lower_case = true, strip_accents = null, tokenize_chinese_chars = true }) => Tokenizer.fromString(JSON.stringify({
  version: '1.0', truncation: null, padding: null, added_tokens: added, decoder: null, post_processor: null,
  normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: tokenize_chinese_chars, strip_accents, lowercase: do_lower_case },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab: Object.fromEntries(words.map((w, i) => [w, i])) } }));
const texts = ['', ' ', 'cat', 'a cat', 'a\tb', 'a\nb', 'a\r\nb', 'a\u00a0b\u3000c\u2003d', 'a\u2028b\u2029c', 'a\u0085b', 'a\u000bb\u000cc', 'a\u001cb', 'a\u0000b\u0007c\u007fd', 'a\ufffdb', 'a\u00adb', 'a\u200bb\u200dc\ufeffd', 'a\ue000b',
  '$1,000', 'a+b=c', '<a|b>', 'a^b`c~d', 'a_b', '__', '"hello!" (world)', "don't", 'a-b\u2013c\u2014d', '\u00abhello\u00bb \u2018a\u2019 \u201cb\u201d', '\u00bfque? \u00a1ay!', 'a\u20acb', '\u2122\u00ae\u00a9', 'a\u00b2b\u00bdc', '\u2167 \u2460',
  'Caf\u00e9 CAT', 'cafe\u0301', '\u00c5\u00c5 \u00f6\u00d6', '\u0130stanbul', '\u01c5a \u01c8b \u01cb', '\u00df\u1e9e', '\u0391\u03a3 \u03a3\u03c3\u03c2', '\u00aa\u00ba', 'a\u0301\u0323b', 'a\u302f\u302eb', 'a\u0903b', 'a\u20dd', '\u0915\u094d\u0937\u093f',
  '\ud55c\uad6d', '\u05d0\u05be\u05d1', '\u4e00\u732bcat', '\u3400a', 'cat\u3001\u30a2\u3002', '\uff21\uff41\uff01\uff04', '\uf900', 'a\ud840\udc00b', 'a\ud86e\udc20b', 'a\ud86e\udd20b', '\ud83d\ude00', 'a\ud83d\ude80b', '\ud835\udcd0',
  '[SEP]', '[mask]', '[MASK]', 'a[SEP]b', '[CLS] [PAD] [UNK]', '[[MASK]]', '[SEP][SEP]x', '[ SEP ]', 'helloing worlding', 'theq', 'the\u4e01', 'a'.repeat(100), 'a'.repeat(101), '\u00e9'.repeat(99) + 'x', '\u00e9'.repeat(101), '##a', 'a ##ing'];
const configs = [{}, { do_lower_case: false }, { do_lower_case: false, strip_accents: true }, { strip_accents: false }, { tokenize_chinese_chars: false }];
const rows = configs.map(config => ({ config, texts: texts.map(text => ({ text, ids: [] })) }));

const file = JSON.parse(fs.readFileSync('../../goldens/families/t5-tokenizer/tokenizer.json', 'utf8'));
const metaspace = extra => ({ type: 'Metaspace', replacement: '\u2581', ...extra });
const split = { type: 'WhitespaceSplit' };
const precompiled = file.normalizer.normalizers[0];
const t5 = [
  [precompiled, { type: 'Sequence', pretokenizers: [split, metaspace({ add_prefix_space: true })] }],
  [precompiled, { type: 'Sequence', pretokenizers: [split, metaspace({ prepend_scheme: 'first', split: true })] }],
  [file.normalizer, metaspace({ prepend_scheme: 'first', split: true })],
  [file.normalizer, metaspace({ prepend_scheme: 'never', split: true })],
  [file.normalizer, metaspace({ prepend_scheme: 'always', split: false })],
  [file.normalizer, metaspace({})],
  [null, split],
  [null, null],
].map(([normalizer, pre_tokenizer]) => ({ normalizer: normalizer === null ? null : normalizer === precompiled ? 'first' : 'whole', pre_tokenizer,
  tokenizer: Tokenizer.fromString(JSON.stringify({ ...file, normalizer, pre_tokenizer, post_processor: null })) }));
const t5Texts = ['', ' ', 'a cat', 'a  cat ', '  a   cat', 'a\tcat\nand a dog', 'a\u00a0cat', '</s>a cat', 'a cat</s> and </s>more', 'caf\u00e9 \ufb01ne', '\u2581a \u2581', 'photo of a photo'];

(async () => {
  for (const row of rows) for (const text of row.texts) text.ids = Array.from((await bert(row.config).encode(text.text, null, { addSpecialTokens: false })).getIds());
  const ofT5 = [];
  for (const { tokenizer, ...row } of t5) {
    ofT5.push({ ...row, texts: [] });
    for (const text of t5Texts) ofT5.at(-1).texts.push({ text, ids: Array.from((await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds()) });
  }
  const ascii = one => JSON.stringify(one).replace(/[\u007f-\uffff]/g, c => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
  const line = list => '[\n' + list.map(ascii).join(',\n') + ']';
  console.log(`{"vocabulary": ${ascii(words)},\n"bert": ${line(rows.flatMap(row => row.texts.map(text => ({ config: row.config, ...text }))))},\n"t5": ${line(ofT5)}}`);
})();
