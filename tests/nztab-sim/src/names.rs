//! Invented names: no track, horse or person in these lists is meant to exist.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Tracks in New Zealand: name, code.
pub const NZ_TRACKS: [(&str, &str); 8] = [
    ("Kowhai Bend", "KOWB"),
    ("Tussock Downs", "TUSS"),
    ("Rimu Flat", "RIMU"),
    ("Fernleigh", "FERN"),
    ("Pumice Park", "PUMI"),
    ("Totara Vale", "TOTV"),
    ("Mussel Bay", "MUSB"),
    ("Greywacke", "GREY"),
];

/// Tracks in Australia: name, code, state.
pub const AUS_TRACKS: [(&str, &str, &str); 14] = [
    ("Wattle Reach", "WATR", "NSW"),
    ("Saltbush Plains", "SALT", "VIC"),
    ("Quandong", "QUAN", "SA"),
    ("Bottlebrush", "BOTT", "QLD"),
    ("Ironbark Hill", "IRON", "NSW"),
    ("Spinifex Creek", "SPIN", "WA"),
    ("Boronia Fields", "BORO", "VIC"),
    ("Kurrajong Flat", "KURF", "QLD"),
    ("Banksia Point", "BANK", "TAS"),
    ("Mallee Crossing", "MALC", "VIC"),
    ("Lillypilly", "LILL", "NSW"),
    ("Coolibah Park", "COOL", "QLD"),
    ("Emu Gully", "EMUG", "WA"),
    ("Brolga Lagoon", "BROL", "NT"),
];

/// Tracks elsewhere: name, code, country, state, category letter.
pub const FOREIGN_TRACKS: [(&str, &str, &str, &str, char); 7] = [
    ("Oxmere", "OXME", "UK", "UK", 'T'),
    ("Harrowdene", "HARD", "UK", "UK", 'G'),
    ("Ballyquill", "BALQ", "IRE", "IRL", 'T'),
    ("Val de Brume", "VALB", "FR", "FR", 'H'),
    ("Cactus Wells", "CACT", "USA", "AZ", 'T'),
    ("Maple Hollow", "MAPH", "USA", "OH", 'H'),
    ("Shiranami", "SHIR", "JPN", "JPN", 'T'),
];

const FIRST_WORDS: [&str; 56] = [
    "Amber",
    "Anchor",
    "Biscuit",
    "Brass",
    "Candid",
    "Cinder",
    "Clever",
    "Copper",
    "Cosmic",
    "Crimson",
    "Dapper",
    "Distant",
    "Dusty",
    "Electric",
    "Fable",
    "Ferrous",
    "Gentle",
    "Gilded",
    "Hasty",
    "Hidden",
    "Humble",
    "Indigo",
    "Jolly",
    "Kindred",
    "Lantern",
    "Lucid",
    "Marble",
    "Mellow",
    "Midnight",
    "Noble",
    "Nutmeg",
    "Opal",
    "Paper",
    "Pepper",
    "Polar",
    "Quiet",
    "Rambling",
    "Restless",
    "Saffron",
    "Silent",
    "Sliding",
    "Stormy",
    "Sudden",
    "Tidal",
    "Timber",
    "Tinsel",
    "Tumbling",
    "Umber",
    "Velvet",
    "Vivid",
    "Wandering",
    "Whistling",
    "Winter",
    "Woven",
    "Yonder",
    "Zesty",
];

const SECOND_WORDS: [&str; 56] = [
    "Almanac", "Argument", "Badger", "Bandit", "Bargain", "Bellows", "Bobbin", "Caper", "Cascade", "Chapter", "Comet",
    "Compass", "Cricket", "Dynamo", "Echo", "Errand", "Falcon", "Fiddler", "Gambit", "Gazette", "Glacier", "Harvest",
    "Heron", "Javelin", "Jetty", "Kettle", "Lagoon", "Ledger", "Magnet", "Mirage", "Monsoon", "Nectar", "Notion",
    "Orchard", "Otter", "Parade", "Parcel", "Pebble", "Quarrel", "Quiver", "Ransom", "Ripple", "Riddle", "Satchel",
    "Signal", "Sonnet", "Sparrow", "Tangent", "Thicket", "Tonic", "Torrent", "Vagabond", "Vessel", "Whisper", "Willow",
    "Zephyr",
];

const GIVEN_NAMES: [&str; 32] = [
    "Abel", "Ada", "Bryn", "Cato", "Cleo", "Dara", "Edda", "Elio", "Fenn", "Gwen", "Hale", "Ines", "Iver", "Jory",
    "Kaia", "Lars", "Lena", "Milo", "Nell", "Odin", "Orla", "Petra", "Quin", "Rafe", "Rhea", "Sol", "Tamsin", "Ugo",
    "Vera", "Wynn", "Yara", "Zeno",
];

const FAMILY_NAMES: [&str; 32] = [
    "Applegarth",
    "Birtwhistle",
    "Coldwater",
    "Dunmarrow",
    "Eddlestone",
    "Farthingale",
    "Greatorex",
    "Hollowell",
    "Inglethorpe",
    "Jessamine",
    "Kettleborough",
    "Lightbody",
    "Mossgrove",
    "Nettlefold",
    "Oakenshaw",
    "Pennyfeather",
    "Quillfeather",
    "Ravenhill",
    "Silverlock",
    "Thistlewood",
    "Underhay",
    "Vinterfell",
    "Wainscott",
    "Yellowlees",
    "Ashgrove",
    "Brambleby",
    "Cobblepot",
    "Dovecote",
    "Elderkin",
    "Foxglover",
    "Goldspink",
    "Hawksmoor",
];

/// Silk colours.
pub const COLOURS: [&str; 12] =
    ["Amber", "Black", "Cerise", "Emerald", "Gold", "Lilac", "Navy", "Orange", "Red", "Royal Blue", "Silver", "White"];

/// Silk patterns.
pub const PATTERNS: [&str; 8] = ["hoops", "stripes", "sash", "diamonds", "spots", "chevrons", "quarters", "star"];

/// Kinds of race, for race names.
pub const RACE_WORDS: [&str; 8] = ["Stakes", "Handicap", "Maiden", "Cup", "Sprint", "Classic", "Plate", "Trophy"];

/// Sponsors, for race names.
pub const SPONSORS: [&str; 12] = [
    "Harbourside Bakery",
    "Ridgeline Fencing",
    "Northbank Electrical",
    "Five Oaks Motors",
    "Lamplight Books",
    "Twin Rivers Feeds",
    "Basalt Quarries",
    "Southern Star Roofing",
    "Clover Lane Dairy",
    "Old Mill Timber",
    "Blue Door Cafe",
    "Plainsview Tractors",
];

/// Stewards' remarks.
pub const STEWARDS: [&str; 8] = [
    "Slow away.",
    "Wide without cover throughout.",
    "Held up near the 300 metres and shifted out for a run.",
    "Over-raced in the middle stages, then weakened.",
    "Bumped at the start; lost its position in the first furlong.",
    "Veterinary examination showed nothing amiss.",
    "Hung in over the last 200 metres.",
    "Rider reported that the horse disliked the surface.",
];

/// Gear that a horse may wear.
pub const GEAR: [&str; 8] = [
    "Approved Plates",
    "Blinkers",
    "Ear Covers",
    "Lugging Bit",
    "Nose Band",
    "Side Winkers",
    "Tongue Tie",
    "Pacifiers",
];

/// Margins, in the vendor's words.
pub const MARGINS: [&str; 7] = ["Nose", "Head", "Neck", "0.5 Length", "1 Length", "1.5 Lengths", "3 Lengths"];

/// A random item of a list.
pub fn pick<'a, T: ?Sized>(rng: &mut ChaCha8Rng, list: &[&'a T]) -> &'a T {
    list[rng.random_range(0..list.len())]
}

/// A random name of a horse or dog.
pub fn horse(rng: &mut ChaCha8Rng) -> String {
    format!("{} {}", pick(rng, &FIRST_WORDS), pick(rng, &SECOND_WORDS))
}

/// A random name of a person.
pub fn person(rng: &mut ChaCha8Rng) -> String {
    format!("{} {}", pick(rng, &GIVEN_NAMES), pick(rng, &FAMILY_NAMES))
}

/// The names of a field, all different.
pub fn field(rng: &mut ChaCha8Rng, size: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(size);
    while names.len() < size {
        let name = horse(rng);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
