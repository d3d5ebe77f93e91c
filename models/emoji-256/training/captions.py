"""What a picture is called: captions as people write prompts, for one drawing or two side by side.

A caption is a subject (a label, one of its other names or now and then a keyword), maybe an article and words that change
nothing, maybe a style, maybe a background. Words that change nothing are trained as such, so that a prompt full of them
still shows its subject.
"""
import os
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

# A style's own words, and its phrases around a subject. A caption without a style shows the 3D drawing.
STYLES = {
    '3d': (
        ['3d render', '3d', '3d model', '3d icon', 'in 3d', 'cgi', '3d rendered', 'rendered in blender'],
        ['a 3d render of {}', 'a 3d model of {}', 'a photo of {}', 'a photograph of {}', 'photo of {}', 'a picture of {}',
         'an image of {}', 'a 3d rendering of {}', 'a realistic photo of {}', 'a close-up of {}', 'a portrait of {}'],
    ),
    'flat': (
        ['flat icon', 'flat', 'icon', 'flat design', 'vector art', 'illustration', 'flat illustration', 'minimalist',
         'clip art', 'logo', 'cartoon', 'in a flat style'],
        ['a flat icon of {}', 'an icon of {}', 'an illustration of {}', 'a cartoon of {}', 'a flat drawing of {}',
         'a vector illustration of {}', 'a painting of {}', 'a logo of {}', 'a simple icon of {}'],
    ),
    'line': (
        ['line art', 'black and white line art', 'line drawing', 'outline', 'black and white', 'sketch', 'coloring page',
         'pencil drawing', 'ink drawing'],
        ['a line drawing of {}', 'a sketch of {}', 'line art of {}', 'a black and white drawing of {}', 'an outline of {}',
         'a pencil sketch of {}', 'a coloring page of {}'],
    ),
}
BACKGROUNDS = [
    ' on a {} background', ' on a {} background', ', {} background', ' with a {} background', ' in front of a {} background',
    ' against a {} background', ' on {}', ' against a {} backdrop', ' before a {} wall',
]

# What changes nothing: words before a thing, endings after a comma, places, and the common words of English.
BEFORE = (
    'cute|beautiful|small|big|little|large|tiny|huge|shiny|happy|lovely|adorable|nice|pretty|amazing|old|new|modern|simple|single|'
    'funny|colorful|detailed|highly detailed|fresh|delicious|tasty|magical|fluffy|majestic|giant|vintage|classic|stylish|elegant|'
    'perfect|wild|young|real|toy|glossy|plastic|wooden|glass|metal|gorgeous|stunning|fantastic|cool|epic|mysterious|sleepy|friendly|'
    'curious|brave|fat|tall|lonely|futuristic|antique|ancient'
).split('|')
AFTER = (
    'highly detailed|detailed|4k|8k|hd|high quality|best quality|masterpiece|studio lighting|soft lighting|cinematic lighting|'
    'digital art|concept art|trending on artstation|sharp focus|high resolution|ultra realistic|photorealistic|realistic|centered|'
    'simple|cute|beautiful|colorful|vibrant colors|bright colors|professional|award winning|intricate|smooth|dramatic lighting|'
    'octane render|unreal engine|bokeh|depth of field|close up|full body|isometric|stock photo|product shot|in the style of an emoji|'
    'emoji|sticker|pixar style|anime style|oil painting|watercolor|pastel colors|very detailed|natural light|macro|wide angle|'
    'no text|minimal'
).split('|')
PLACES = (
    'in the snow|at night|on the beach|in space|in a forest|in the forest|on a table|on the table|in the sky|in the park|in the city|'
    'on the moon|in the mountains|under the sea|in the water|in the rain|at sunset|in winter|in summer|in spring|in autumn|'
    'in a garden|on the grass|in the desert|on a plate|in the kitchen|in a room|on a hill|by the river|in the jungle|on the street|'
    'at home|in the sun|in a field|on a wooden table|on the floor|in the dark|under a tree|on a cloud|in the wild|sitting|standing|'
    'flying|running|sleeping|smiling|jumping|looking at the camera|floating in the air|walking|swimming|dancing|waiting|playing|'
    'eating'
).split('|')
COMMON = (
    'i me my mine you your he his she her it its we our they their this that these those some any every each all both many much more '
    'most few several other another such same own very too so just only even still please draw make show give create generate paint '
    'design want need like love see look find get got think imagine could can would should will may might must do does did have has '
    'had is are was were be been being for from to into onto over above below behind between through during before after about '
    'against along around near inside outside without within across off up down out away back there here where when while who what '
    'how why not no never always often really quite rather almost perhaps maybe again once then now today tomorrow yesterday morning '
    'evening afternoon day week year time moment life world place thing way part side end home work mother father friend family '
    'brother sister daughter son wife husband kids people someone everyone nobody best better good great fine bad strange special '
    'favourite famous popular typical classic local real true whole full empty open closed bright dark light heavy long short high '
    'low wide narrow deep thick thin soft hard warm cold wet dry clean dirty quiet loud fast slow early late left right front middle '
    'top bottom first second last next two three four five hundred style type kind version form shape size colour pattern texture '
    'surface detail scene view angle frame mood theme story poster card book cover page print photo shot image picture art artwork '
    'drawing design made wearing holding riding sitting'
).split()

# Colours that a thing may be called without being it.
COLOURS = 'red blue green yellow pink gray white black orange purple brown golden silver'.split()
# How a prompt asks for two things. "with" is not among them: in "a lion with a flowing mane" it changes nothing.
PAIRED = ['{} and {}', '{} and {}', '{} next to {}', '{} beside {}']
# A second thing behind one of these is not painted: only the words above ask for two.
PREPOSITIONS = (
    'with|on|in|under|near|behind|in front of|from|like|out of|inside|over|at|for|without|of|holding|wearing|riding|eating|watching|'
    'looking at|thinking of|leaning against|crossing'
).split('|')
COUNTS = ['', '', 'two ', 'three ', 'some ', 'many ', 'a bunch of ', 'a pile of ', 'a group of ', 'several ']
IRREGULAR = {
    'child': 'children', 'fish': 'fish', 'foot': 'feet', 'goose': 'geese', 'knife': 'knives', 'leaf': 'leaves', 'man': 'men',
    'mouse': 'mice', 'sheep': 'sheep', 'tooth': 'teeth', 'wolf': 'wolves', 'woman': 'women',
}


def read_names(path: str) -> dict[str, list[str]]:
    """Other names of labels, as people ask for them: {label: names} of a file with a label a line, a tab and the names."""
    with open(path, encoding='utf-8') as f:
        return {label: names.split(', ') for label, names in (line.split('\t') for line in f.read().splitlines() if line)}


NAMES = read_names(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'names.txt'))


class Names:
    """Every way to ask for each label. `keywords` {label: tags}; a keyword that several labels share, or that is a label, is left out.

    `texts` gives the words of everything else: they are strewn into captions, so that words nobody taught change nothing.
    """

    def __init__(self, keywords: Mapping[str, Sequence[str]], texts: Iterable[str] = ()) -> None:
        labels = {label.lower() for label in keywords}
        self.labels = sorted(labels)
        self.other = {label: [n for n in NAMES.get(label, []) if n not in labels] for label in self.labels}
        idle = {w for phrase in BEFORE + AFTER + PLACES for w in [phrase, *phrase.split()]}
        taken = labels | {n for names in self.other.values() for n in names} | idle
        count = Counter(tag for tags in keywords.values() for tag in tags)
        self.keywords = {label: [t for t in tags if count[t] <= 2 and t not in taken] for label, tags in keywords.items()}
        meant = {w for names in (labels, *self.other.values(), *self.keywords.values()) for n in names for w in n.split()}
        meant |= {'and', 'background'}
        common = sorted({w for w in COMMON if w not in meant})
        self.strewn = common * 4 + sorted({w for t in texts for w in t.lower().split() if w.isalpha() and w not in meant})

    def pick(self, label: str, source: random.Random) -> str:
        """The label, one of its other names, or a keyword."""
        names, words, u = self.other[label], self.keywords[label], source.random()
        if names and u < 0.4:
            return source.choice(names)
        if words and u > 0.92:
            return source.choice(words)
        return label

    def some(self, most: int, source: random.Random) -> str:
        """One to `most` words that mean nothing here."""
        return ' '.join(source.choice(self.strewn) for _ in range(source.randint(1, most)))


def article(noun: str, source: random.Random) -> str:
    u = source.random()
    if u < 0.6:
        return ('an ' if noun[0] in 'aeiou' else 'a ') + noun
    return 'the ' + noun if u < 0.68 else noun


def plural(noun: str) -> str:
    """The plural of a noun by English spelling: of its last word, or of the one before "of"."""
    head, of, rest = noun.partition(' of ')
    *before, last = head.split(' ')
    if last in IRREGULAR:
        last = IRREGULAR[last]
    elif last.endswith(('ss', 'x', 'ch', 'sh')):
        last += 'es'
    elif last.endswith('y') and last[-2:-1] not in tuple('aeiou'):
        last = last[:-1] + 'ies'
    elif not last.endswith('s'):
        last += 's'
    return ' '.join([*before, last]) + of + rest


def plain(subjects: Sequence[str], style: str, colour: str, source: random.Random) -> str:
    """The form that the model card documents: LABEL, STYLE on a COLOUR background."""
    text = ' and '.join(subjects)
    if style != '3d' or source.random() < 0.85:
        text += ', ' + source.choice(STYLES.get(style, ([style], []))[0][:2])
    return text + (f' on a {colour} background' if colour != 'white' or source.random() < 0.3 else '')


def subject(label: str, names: Names, source: random.Random) -> str:
    """One thing with its article or number, maybe after a word that changes nothing."""
    noun, u = names.pick(label, source), source.random()
    if u < 0.25:
        noun = source.choice(BEFORE) + ' ' + noun
    elif u < 0.32 and not any(c in label for c in COLOURS):
        noun = source.choice(COLOURS) + ' ' + noun
    elif u < 0.38 and names.strewn:
        noun = names.some(2, source) + ' ' + noun
    return source.choice(COUNTS) + plural(noun) if source.random() < 0.07 else article(noun, source)


def around(text: str, names: Names, source: random.Random) -> str:
    """The subject among words that change nothing: places, "with" something, anything."""
    u = source.random()
    if u < 0.2:
        text += ' ' + source.choice(PLACES)
    elif u < 0.27 and names.strewn:
        text += ' with ' + source.choice(['', 'a ', 'the ', 'its ']) + names.some(2, source)
    elif u < 0.43 and names.strewn:
        text += source.choice([' ', ' ', ', ']) + names.some(5, source)
    elif u < 0.55:
        text += f' {source.choice(PREPOSITIONS)} {article(names.pick(source.choice(names.labels), source), source)}'
    return names.some(4, source) + ' ' + text if source.random() < 0.15 and names.strewn else text


def dressed(text: str, style: str, colour: str, source: random.Random) -> str:
    """The style, which is always said unless it is 3d, and the background, which is said unless it is white."""
    background = source.choice(BACKGROUNDS).format(colour) if colour != 'white' or source.random() < 0.2 else ''
    words, phrases = STYLES[style]
    u = source.random()
    if u < 0.4:
        return source.choice(phrases).format(text) + background
    if u < 0.75 or style != '3d':
        ending = (', ' if source.random() < 0.8 else ' ') + source.choice(words)
        return text + (ending + background if source.random() < 0.7 else background + ending)
    return text + background


def caption(subjects: Sequence[str], style: str, colour: str, names: Names, source: random.Random = random) -> str:
    """A caption of one drawing or two. `subjects`: one or two labels, left to right; empty one time in twelve, for guidance."""
    if source.random() < 0.08:
        return ''
    if source.random() < 0.25 or style not in STYLES:
        return plain(subjects, style, colour, source)
    nouns = [subject(label, names, source) for label in subjects]
    text = nouns[0] if len(nouns) == 1 else source.choice(PAIRED).format(*nouns)
    text = dressed(around(text, names, source), style, colour, source)
    for _ in range(source.choice([0, 0, 0, 1, 1, 2, 3])):
        text += ', ' + source.choice(AFTER)
    return text
