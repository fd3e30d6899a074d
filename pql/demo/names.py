"""Invented names of companies and people. All addresses end in .test or .example, which no mail server serves."""

import unicodedata

import numpy as np

from pql.demo.scope import Ints, pick


def _words(text: str) -> list[str]:
    return text.split()


_FIRST = _words(
    "Amber Anchor Arbor Aspen Basalt Beacon Birch Blue Bridge Bright Canyon Cedar Chalk Cinder Citrus Clear Cliff "
    "Clover Cobalt Coral Copper Crane Crest Delta Dune Ember Falcon Fern Field Flint Fjord Forge Glade Granite Green "
    "Harbor Hazel Heron High Indigo Iron Jade Juniper Kestrel Lake Lantern Larch Lark Linden Lunar Maple Marble Meadow "
    "Mint Mosaic North Oak Ocean Olive Onyx Opal Orchard Otter Pebble Pine Plum Prairie Quartz Quill Raven Reef Ridge "
    "River Rowan Saffron Sage Silver Slate Solar Spruce Stone Summit Swift Tall Terra Thistle Tidal Timber Umber "
    "Valley Vela Violet Walnut West Willow Winter Wren Yarrow Zephyr"
)
_SECOND = _words(
    "bay beam bloom board box bricks brook cart cast circle cloud craft dock drive edge farm fleet flow forge gate "
    "grid ground grove hill house lane leaf lift line link loop mark mill mind minds works parts path peak pixel point "
    "port post pulse rail range root sail scale scope shift shore signal space span spark spring stack staff stream "
    "table tide tower trace track trade vale view ware watch wave way weave well wing wire wood yard"
)
_LEGAL = ("", "", "", "", " GmbH", " Ltd", " Inc", " Labs", " Systems", " BV", " SAS", " AB", " & Sons", " Group")
_FOREIGN = (
    ("青空ソフト", "aozora-soft"), ("北風データ", "kitakaze-data"), ("山吹製作", "yamabuki"), ("银杏软件", "yinxing"),
    ("远山数据", "yuanshan"), ("달빛연구소", "dalbit"), ("새벽소프트", "saebyeok"), ("Северный мост", "severny-most"),
    ("Зелёная линия", "zelyonaya-liniya"), ("Ясна річ", "yasna-rich"), ("Γαλάζιο Κύμα", "galazio-kyma"),
    ("Ελαιώνας Τεχνική", "elaionas"), ("नीला आकाश", "neela-aakash"), ("Café Ångström", "cafe-angstrom"),
    ("Łąka i Spółka", "laka-spolka"), ("São Miguel Dados", "sao-miguel-dados"), ("Größenordnung", "groessenordnung"),
    ("Señal Clara", "senal-clara"),
)  # fmt: skip
# What breaks messages and pages: markup of HTML, Slack and Markdown, right-to-left text, sheer length, odd spaces.
_NASTY = (
    ("<b>Bold</b> & Partners", "bold-partners"),
    ("*Star* _Line_ ~Studio~", "star-line"),
    ("شركة النجمة الزرقاء", "blue-star"),
    ("חברת הגל הירוק", "green-wave"),
    ('Tick`s & <Tags> "Quoted"', "ticks-tags"),
    ("<!channel> Shouters", "shouters"),
    ("The Association for " + "Very " * 45 + "Long Names", "long-names"),
    ("Tab\tand  spaces", "tab-spaces"),
    ("{{ lead.id }} Templates", "templates"),
    ("null", "null-company"),
)

_GIVEN = _words(
    "Ada Aisha Alan Alice Amir Ana Anders Andrea Anouk Anton Aria Arjun Astrid Ben Bianca Bruno Camille Carla Carlos "
    "Chen Chiara Clara Dana Daniel David Diego Dina Elena Eli Elif Emil Emma Erik Esra Eva Farah Felix Fiona Frida "
    "Gabriel Greta Hana Hannah Hugo Ida Ines Iris Ivan Jana Jens Jin Joana Jonas Julia Kai Karim Kate Kenji Kofi Lara "
    "Lars Lea Leo Lina Louis Lucia Luis Maja Marc Maria Marta Mateo Maya Mei Mia Mika Mina Nadia Nia Nils Nina Noah "
    "Nora Oleg Olivia Omar Oscar Paul Petra Pia Priya Rafael Rahul Rania Rosa Ruth Sam Sana Sara Sven Tara Theo Tom "
    "Uma Vera Victor Wanda Will Yara Yuki Zoe Zoë José Søren Łucja André Björn"
)
_FAMILY = _words(
    "Abbott Adeyemi Ahmed Alves Andersen Arslan Bachmann Banerjee Barros Bauer Becker Bell Berg Bianchi Blanc Bloom "
    "Bosch Braun Brooks Brown Carter Castro Chen Conti Costa Cruz Dahl Dias Diaz Dubois Eriksen Evans Fabre Ferrari "
    "Fischer Flores Fontaine Fox Garcia Gray Gupta Haas Hale Hansen Hart Hill Hoffmann Holm Hughes Ibrahim Ito Iyer "
    "Jansen Jensen Kaya Keller Kelly Khan Kim Klein Kovac Kowalski Kumar Lang Larsen Laurent Lee Lehmann Lima Lind "
    "Lopez Mansour Marin Martin Mensah Meyer Mori Moreau Moss Müller Nair Nakamura Ngo Nguyen Nilsson Novak Nowak "
    "Okafor Olsen Ortiz Osei Park Patel Perez Petit Pinto Price Quinn Ramos Rao Reed Reyes Ricci Rossi Roy Ruiz Saito "
    "Santos Sato Schmidt Serra Shah Silva Singh Smith Stein Suzuki Tanaka Torres Tran Vance Vega Visser Vogel Wagner "
    "Walsh Wang Weber West White Wolf Wood Yamada Yilmaz Young Zhang Ziegler O'Neil D'Angelo Núñez Ødegård"
)
_FOREIGN_PEOPLE = (
    ("佐藤 美咲", "misaki.sato"), ("鈴木 大輔", "daisuke.suzuki"), ("王 小明", "xiaoming.wang"),
    ("김 서연", "seoyeon.kim"),
    ("Анна Петрова", "anna.petrova"), ("Олена Коваль", "olena.koval"), ("Νίκος Ανδρέου", "nikos.andreou"),
    ("سارة الخالد", "sara.alkhalid"), ("דוד לוי", "david.levi"), ("प्रिया शर्मा", "priya.sharma"),
    ("<i>Max</i> Mark", "max.mark"), ("Ann & *Bo* _Lee_", "ann.lee"),
    ("Maximiliane " + "von und zu " * 12 + "Tal", "maxi.tal"),
)  # fmt: skip

# Title, weight for the founder of a workspace, weight for those who join later.
TITLES: tuple[tuple[str, float, float], ...] = (
    ("VP Product", 5, 1), ("VP Operations", 4, 1), ("Head of Analytics", 8, 2), ("Head of Delivery", 5, 2),
    ("Director of Operations", 6, 2), ("CTO", 6, 0.7), ("COO", 3, 0.4), ("Founder", 7, 0.6),
    ("Product Manager", 12, 10), ("Project Manager", 12, 14), ("Team Lead", 6, 7), ("Data Analyst", 8, 14),
    ("Business Analyst", 5, 9), ("Software Engineer", 5, 14), ("Designer", 2, 6), ("Marketing Manager", 3, 6),
    ("Operations Specialist", 3, 8), ("R&D <Lead>", 0.5, 0.4), ("Consultant", 3, 2), ("Freelancer", 2, 0.6),
    ("Intern", 1, 4),
)  # fmt: skip
SENIOR = frozenset(
    ("VP Product", "VP Operations", "Head of Analytics", "Head of Delivery", "Director of Operations", "CTO", "COO")
)


def company_names(count: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Plain names of companies and the first labels of their domains, which are unique."""
    pairs = len(_FIRST) * len(_SECOND)
    order = rng.permutation(pairs)
    legal = pick(rng, np.ones(len(_LEGAL)), count)
    names, labels = [], []
    for number in range(count):
        turn, place = divmod(number, pairs)
        first, second = divmod(int(order[place]), len(_SECOND))
        word = _FIRST[first] + _SECOND[second]
        names.append(f"{word}{_LEGAL[legal[number]]}{f' {turn + 1}' if turn else ''}")
        labels.append(f"{word.lower()}{turn + 1 if turn else ''}")
    return names, labels


def odd_names(places: Ints, rng: np.random.Generator) -> dict[int, tuple[str, str]]:
    """Foreign names, and such as break messages and pages, with their labels, for some of the places."""
    special = (*_NASTY, *_FOREIGN)
    chosen = rng.permutation(places)[: min(len(special), len(places) // 3)]
    return {int(place): pair for place, pair in zip(chosen, special, strict=False)}


def people(count: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Full names and the local parts of their addresses (not unique)."""
    given, family = pick(rng, np.ones(len(_GIVEN)), count), pick(rng, np.ones(len(_FAMILY)), count)
    names = [f"{_GIVEN[one]} {_FAMILY[other]}" for one, other in zip(given, family, strict=True)]
    slugs = {word: _ascii(word) for word in (*_GIVEN, *_FAMILY)}
    parts = [f"{slugs[_GIVEN[one]]}.{slugs[_FAMILY[other]]}" for one, other in zip(given, family, strict=True)]
    foreign = np.flatnonzero(rng.random(count) < 0.03)
    which = pick(rng, np.ones(len(_FOREIGN_PEOPLE)), len(foreign))
    for place, number in zip(foreign, which, strict=True):
        names[place], parts[place] = _FOREIGN_PEOPLE[number]
    return names, parts


def titles(founders: int, others: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Job titles (indexes into `TITLES`) of founders and of those who joined later."""
    return (
        pick(rng, [weight for _, weight, _ in TITLES], founders),
        pick(rng, [weight for _, _, weight in TITLES], others),
    )


def _ascii(word: str) -> str:
    plain = word.translate(str.maketrans("øØłŁ", "oOlL", "'"))
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode().lower()
