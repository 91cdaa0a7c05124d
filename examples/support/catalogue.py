"""List what the demo shop sells and who buys there: the raw lists that the seed draws from.

A product is (sku, name, category, price in pence, warranty in months, words customers use for it).
"""

PRODUCTS: tuple[tuple[str, str, str, int, int, str], ...] = (
    ("kettle", "Brook glass kettle", "kitchen", 4900, 24, "glass kettle|kettle"),
    ("toaster", "Ember two-slot toaster", "kitchen", 3900, 24, "toaster"),
    ("espresso", "Corto espresso machine", "kitchen", 18900, 24, "espresso machine|coffee machine"),
    ("blender", "Whirl blender", "kitchen", 6900, 24, "blender"),
    ("airfryer", "Crisp air fryer", "kitchen", 11900, 24, "air fryer|airfryer"),
    ("grinder", "Mill coffee grinder", "kitchen", 5400, 24, "coffee grinder|grinder"),
    ("scale", "Gram kitchen scale", "kitchen", 2400, 12, "kitchen scale|scales|scale"),
    ("headphones", "Hush headphones", "audio", 14900, 24, "headphones|headset"),
    ("earbuds", "Pebble earbuds", "audio", 7900, 12, "earbuds|ear buds|earphones"),
    ("speaker", "Tide bluetooth speaker", "audio", 8900, 24, "bluetooth speaker|speaker"),
    ("radio", "Dawn alarm radio", "audio", 4500, 24, "alarm radio|radio|alarm clock"),
    ("soundbar", "Shelf soundbar", "audio", 17900, 24, "soundbar|sound bar"),
    ("desk-lamp", "Perch desk lamp", "lighting", 3600, 24, "desk lamp|lamp"),
    ("floor-lamp", "Heron floor lamp", "lighting", 8400, 24, "floor lamp|standing lamp"),
    ("bulbs", "Glow smart bulbs", "lighting", 4200, 12, "smart bulbs|smart bulb|bulbs|bulb"),
    ("lantern", "Fell camping lantern", "lighting", 2900, 24, "camping lantern|lantern"),
    ("keyboard", "Quill keyboard", "office", 6400, 24, "keyboard"),
    ("mouse", "Pip mouse", "office", 2900, 24, "mouse"),
    ("monitor", "Vista monitor", "office", 22900, 36, "monitor"),
    ("webcam", "Iris webcam", "office", 5900, 24, "webcam"),
    ("chair", "Lean office chair", "office", 15900, 60, "office chair|chair"),
    ("footrest", "Stoop footrest", "office", 3200, 24, "footrest|foot rest"),
    ("vacuum", "Roam robot vacuum", "home", 24900, 24, "robot vacuum|vacuum|hoover"),
    ("fan", "Drift table fan", "home", 4700, 24, "table fan|fan"),
    ("heater", "Hearth heater", "home", 7600, 24, "heater"),
    ("purifier", "Clear air purifier", "home", 13900, 24, "air purifier|purifier"),
    ("thermostat", "Even thermostat", "home", 11500, 24, "thermostat"),
    ("doorbell", "Chime video doorbell", "home", 9900, 24, "video doorbell|doorbell"),
    ("router", "Span wifi router", "home", 10900, 24, "wifi router|router"),
    ("band", "Pace fitness band", "wearable", 5900, 24, "fitness band|fitness tracker|band"),
    ("e-reader", "Leaf e-reader", "wearable", 12900, 24, "e-reader|ereader|e reader"),
    ("power-bank", "Store power bank", "wearable", 3400, 12, "power bank|powerbank"),
)

NAMES: tuple[str, ...] = (
    "Ada Lindqvist", "Amir Haddad", "Anneke Visser", "Arthur Pell", "Beatriz Campos",
    "Ben Okafor", "Bridget Nolan", "Carlo Rinaldi", "Carys Morgan", "Chen Wei",
    "Clara Voss", "Daniel Ashby", "Deepa Menon", "Dora Novak", "Edwin Marsh",
    "Eleni Kostas", "Emeka Obi", "Erin Fraser", "Farah Siddiqui", "Felix Brandt",
    "Fiona Keane", "Gareth Rhys", "Grace Adeyemi", "Greta Holm", "Hanna Virtanen",
    "Hugo Mercier", "Ines Duarte", "Isaac Thorne", "Ivy Castell", "Jakub Zelenka",
    "Jasmin Patel", "Joel Whitaker", "Julia Sommer", "Kai Tanaka", "Karen Tull",
    "Kofi Mensah", "Leila Rahimi", "Liam Docherty", "Lucia Ferrer", "Magnus Dahl",
    "Mariam Saleh", "Mateo Rojas", "Mei Lin", "Nadia Petrova", "Niall Byrne",
    "Noor Aziz", "Olga Maric", "Oscar Lund", "Petra Krall", "Priya Nair",
    "Quentin Bell", "Rosa Delgado", "Ruth Abrams", "Samuel Frost", "Sofia Conti",
    "Tamsin Rowe", "Tomas Vrba", "Uma Krishnan", "Viktor Szabo", "Wanda Kessler",
)  # fmt: skip

STREETS: tuple[str, ...] = (
    "Alder Street", "Bridge Road", "Chapel Lane", "Dyer Street", "Elm Grove",
    "Foundry Way", "Gannet Close", "Harbour Road", "Inkerman Terrace", "Juniper Avenue",
    "Kiln Lane", "Limekiln Hill", "Market Place", "Nettle Lane", "Orchard Road",
)  # fmt: skip

TOWNS: tuple[tuple[str, str], ...] = (
    ("Northwick", "QN"), ("Eastmere", "QE"), ("Saltby", "QS"), ("Marlow Heath", "QM"),
    ("Farrowdale", "QF"), ("Wexcombe", "QW"), ("Tarnford", "QT"), ("Holloway Bay", "QH"),
)  # fmt: skip

CARRIERS: tuple[tuple[str, str], ...] = (("Kestrel", "KS"), ("Parcelway", "PW"), ("Dovetail", "DT"))
