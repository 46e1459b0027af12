//! What people call the things that are labelled.
//!
//! A `~` before a word reserves it for measuring phrasings that training never saw.

/// How a category may be called.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Name of the category in the labels.
    pub(super) category: &'static str,
    /// Other names of the category in published label sets.
    pub(super) aliases: &'static [&'static str],
    /// What people call it; the first word is the plain name.
    pub(super) words: &'static [Word],
    /// True when colour tells its things apart.
    pub(super) coloured: bool,
    /// How often its absence is spoken of.
    pub(super) missed: f64,
}

/// One name of a thing.
#[derive(Clone, Copy)]
pub(super) struct Word {
    /// "ship"; empty for what has no singular; with the `~` of a reserved word.
    pub(super) one: &'static str,
    /// "ships", or "water".
    pub(super) many: &'static str,
    /// How often it is used beside the others.
    pub(super) weight: f64,
    /// Other categories whose things it names too.
    pub(super) also: &'static [&'static str],
    /// Categories whose things it may or may not name: where they can be, the word is unclear.
    pub(super) unless: &'static [&'static str],
}

const fn w(one: &'static str, many: &'static str, weight: f64) -> Word {
    Word { one, many, weight, also: &[], unless: &[] }
}

const fn also(word: Word, also: &'static [&'static str]) -> Word {
    Word { also, ..word }
}

const fn unless(word: Word, unless: &'static [&'static str]) -> Word {
    Word { unless, ..word }
}

const fn entry(category: &'static str, words: &'static [Word]) -> Entry {
    Entry { category, aliases: &[], words, coloured: false, missed: 1.0 }
}

const fn coloured(category: &'static str, words: &'static [Word]) -> Entry {
    Entry { coloured: true, ..entry(category, words) }
}

const fn alias(entry: Entry, aliases: &'static [&'static str]) -> Entry {
    Entry { aliases, ..entry }
}

const fn rarely(entry: Entry, missed: f64) -> Entry {
    Entry { missed, ..entry }
}

/// Everything on wheels, for words that may mean any of it.
const ROAD_VEHICLES: &[&str] = &["vehicle", "car", "bus", "minibus", "truck", "large vehicle", "small vehicle"];
const SPORTS: &[&str] = &[
    "tennis court",
    "basketball court",
    "baseball diamond",
    "ground track field",
    "soccer field",
    "golf course",
    "stadium",
    "sports court",
];

/// The categories that have names of their own; others are called as they are labelled.
pub(super) static ENTRIES: &[Entry] = &[
    alias(
        coloured(
            "airplane",
            &[
                w("airplane", "airplanes", 3.0),
                w("plane", "planes", 2.5),
                w("aircraft", "aircraft", 1.5),
                w("aeroplane", "aeroplanes", 1.2),
                w("jet", "jets", 0.5),
                w("parked plane", "parked planes", 0.3),
                w("~airliner", "~airliners", 0.4),
                w("~parked aircraft", "~parked aircraft", 0.4),
            ],
        ),
        &["plane"],
    ),
    coloured(
        "ship",
        &[
            w("ship", "ships", 3.0),
            w("boat", "boats", 2.5),
            w("vessel", "vessels", 1.5),
            w("watercraft", "watercraft", 0.5),
            w("~marine vessel", "~marine vessels", 0.5),
        ],
    ),
    alias(
        coloured(
            "storage tank",
            &[
                w("storage tank", "storage tanks", 3.0),
                w("tank", "tanks", 2.0),
                w("oil tank", "oil tanks", 1.5),
                w("fuel tank", "fuel tanks", 1.0),
                w("silo", "silos", 0.4),
                w("round tank", "round tanks", 0.4),
                w("oil storage tank", "oil storage tanks", 0.4),
                w("~petroleum tank", "~petroleum tanks", 0.4),
                w("~cylindrical tank", "~cylindrical tanks", 0.4),
            ],
        ),
        &["storagetank", "oil tank"],
    ),
    alias(
        entry(
            "baseball diamond",
            &[
                w("baseball diamond", "baseball diamonds", 3.0),
                w("baseball field", "baseball fields", 2.5),
                unless(w("ball field", "ball fields", 0.8), &["soccer field"]),
                w("baseball pitch", "baseball pitches", 0.6),
                w("baseball ground", "baseball grounds", 0.4),
                w("~ballpark", "~ballparks", 0.4),
            ],
        ),
        &["baseball field", "baseballfield"],
    ),
    alias(
        coloured(
            "tennis court",
            &[
                w("tennis court", "tennis courts", 4.0),
                w("court for tennis", "courts for tennis", 0.4),
                also(
                    unless(w("sports court", "sports courts", 0.7), &["sports court"]),
                    &["tennis court", "basketball court"],
                ),
                w("~tennis ground", "~tennis grounds", 0.4),
            ],
        ),
        &["tenniscourt"],
    ),
    alias(
        coloured(
            "basketball court",
            &[
                w("basketball court", "basketball courts", 4.0),
                w("basketball field", "basketball fields", 0.4),
                w("basketball ground", "basketball grounds", 0.4),
                also(
                    unless(w("sports court", "sports courts", 0.6), &["sports court"]),
                    &["tennis court", "basketball court"],
                ),
                w("~court for basketball", "~courts for basketball", 0.4),
            ],
        ),
        &["basketballcourt"],
    ),
    alias(
        entry(
            "ground track field",
            &[
                w("ground track field", "ground track fields", 2.0),
                w("running track", "running tracks", 2.5),
                w("athletics track", "athletics tracks", 1.5),
                unless(w("stadium track", "stadium tracks", 0.6), &["stadium"]),
                unless(w("athletic field", "athletic fields", 0.6), &["soccer field", "baseball diamond"]),
                w("track and field ground", "track and field grounds", 0.5),
                unless(w("track", "tracks", 0.5), &["road"]),
                w("~race track for runners", "~race tracks for runners", 0.3),
                w("~athletic track", "~athletic tracks", 0.5),
            ],
        ),
        &["groundtrackfield"],
    ),
    alias(
        entry(
            "harbor",
            &[
                w("harbor", "harbors", 2.0),
                w("harbour", "harbours", 2.0),
                w("dock", "docks", 1.5),
                w("pier", "piers", 1.5),
                w("wharf", "wharves", 0.7),
                w("jetty", "jetties", 0.8),
                w("~landing stage", "~landing stages", 0.3),
                w("~quay", "~quays", 0.5),
            ],
        ),
        &["harbour"],
    ),
    entry(
        "bridge",
        &[
            w("bridge", "bridges", 5.0),
            w("bridge deck", "bridge decks", 0.2),
            w("road bridge", "road bridges", 0.3),
            w("~bridge span", "~bridge spans", 0.1),
        ],
    ),
    coloured(
        "vehicle",
        &[
            also(w("vehicle", "vehicles", 5.0), ROAD_VEHICLES),
            also(w("motor vehicle", "motor vehicles", 0.5), ROAD_VEHICLES),
            also(w("~road vehicle", "~road vehicles", 0.4), ROAD_VEHICLES),
        ],
    ),
    alias(
        coloured(
            "car",
            &[
                unless(w("car", "cars", 5.0), &["vehicle", "small vehicle"]),
                unless(w("automobile", "automobiles", 1.0), &["vehicle", "small vehicle"]),
                also(w("vehicle", "vehicles", 1.0), ROAD_VEHICLES),
                unless(w("passenger car", "passenger cars", 0.4), &["vehicle", "small vehicle", "minibus"]),
                unless(w("~motor car", "~motor cars", 0.4), &["vehicle", "small vehicle"]),
            ],
        ),
        &["van"],
    ),
    coloured(
        "bus",
        &[
            unless(w("bus", "buses", 4.0), &["vehicle", "large vehicle", "minibus"]),
            unless(w("coach", "coaches", 0.5), &["vehicle", "large vehicle", "minibus"]),
            unless(w("~city bus", "~city buses", 0.2), &["vehicle", "large vehicle", "minibus"]),
        ],
    ),
    coloured(
        "minibus",
        &[
            unless(w("minibus", "minibuses", 3.0), &["vehicle", "bus", "small vehicle", "large vehicle"]),
            unless(w("van", "vans", 1.5), &["vehicle", "car", "truck", "small vehicle", "large vehicle"]),
        ],
    ),
    coloured(
        "truck",
        &[
            unless(w("truck", "trucks", 3.0), &["vehicle", "large vehicle"]),
            unless(w("lorry", "lorries", 1.5), &["vehicle", "large vehicle"]),
        ],
    ),
    coloured(
        "large vehicle",
        &[
            also(unless(w("large vehicle", "large vehicles", 3.0), &["vehicle"]), &["bus", "truck"]),
            also(unless(w("bus or truck", "buses and trucks", 0.5), &["vehicle"]), &["bus", "truck"]),
            also(w("vehicle", "vehicles", 1.0), ROAD_VEHICLES),
            also(unless(w("~heavy vehicle", "~heavy vehicles", 0.4), &["vehicle"]), &["bus", "truck"]),
        ],
    ),
    coloured(
        "small vehicle",
        &[
            unless(w("small vehicle", "small vehicles", 2.0), &["vehicle"]),
            also(w("vehicle", "vehicles", 1.0), ROAD_VEHICLES),
        ],
    ),
    alias(
        entry(
            "swimming pool",
            &[
                w("swimming pool", "swimming pools", 4.0),
                w("pool", "pools", 2.5),
                w("backyard pool", "backyard pools", 0.2),
                w("outdoor pool", "outdoor pools", 0.4),
                w("~bathing pool", "~bathing pools", 0.4),
                w("~garden pool", "~garden pools", 0.2),
            ],
        ),
        &["pool"],
    ),
    alias(
        coloured(
            "building",
            &[
                w("building", "buildings", 4.0),
                w("house", "houses", 1.8),
                w("roof", "roofs", 1.2),
                w("rooftop", "rooftops", 1.0),
                w("building roof", "building roofs", 0.4),
                w("building footprint", "building footprints", 0.4),
                w("built structure", "built structures", 0.3),
                w("~home", "~homes", 0.3),
                w("~house roof", "~house roofs", 0.3),
            ],
        ),
        &["roof", "house"],
    ),
    coloured(
        "solar panel",
        &[
            w("solar panel", "solar panels", 4.0),
            w("PV panel", "PV panels", 1.0),
            w("photovoltaic panel", "photovoltaic panels", 1.0),
            w("solar array", "solar arrays", 0.8),
            w("photovoltaic array", "photovoltaic arrays", 0.7),
            w("solar module", "solar modules", 0.4),
            w("~photovoltaic module", "~photovoltaic modules", 0.4),
            w("~solar installation", "~solar installations", 0.4),
        ],
    ),
    entry(
        "tree",
        &[
            unless(w("tree", "trees", 4.0), &["forest"]),
            unless(w("tree crown", "tree crowns", 0.8), &["forest"]),
            unless(w("tree canopy", "tree canopies", 0.3), &["forest"]),
            unless(w("~treetop", "~treetops", 0.4), &["forest"]),
        ],
    ),
    entry(
        "road",
        &[
            w("road", "roads", 4.0),
            w("street", "streets", 2.0),
            unless(w("roadway", "roadways", 0.5), &["pavement"]),
            w("", "road network", 0.5),
            w("", "streets and roads", 0.3),
            w("~carriageway", "~carriageways", 0.3),
            w("~", "~street network", 0.3),
        ],
    ),
    rarely(entry("pavement", &[w("", "pavement", 2.0), unless(w("paved area", "paved areas", 1.0), &["road"])]), 0.1),
    rarely(
        entry(
            "vegetation",
            &[
                unless(w("", "vegetation", 3.0), &["tree", "forest", "farmland"]),
                unless(w("", "plants", 1.0), &["tree", "forest", "farmland"]),
                unless(w("", "greenery", 1.0), &["tree", "forest", "farmland"]),
                unless(w("green area", "green areas", 0.8), &["tree", "forest", "farmland"]),
                unless(w("", "plant cover", 0.3), &["tree", "forest", "farmland"]),
                unless(w("~", "~green space", 0.4), &["tree", "forest", "farmland"]),
                unless(w("~vegetated area", "~vegetated areas", 0.4), &["tree", "forest", "farmland"]),
            ],
        ),
        0.5,
    ),
    alias(
        entry(
            "forest",
            &[
                w("forest", "forest", 3.0),
                w("", "woodland", 1.0),
                w("", "woods", 1.0),
                w("forested area", "forested areas", 0.7),
                w("wooded area", "wooded areas", 0.7),
                w("", "tree cover", 0.4),
                w("~", "~forest cover", 0.4),
                w("", "~forested land", 0.2),
            ],
        ),
        &["woodland"],
    ),
    alias(
        entry(
            "farmland",
            &[
                w("field", "fields", 2.0),
                w("farm field", "farm fields", 1.5),
                w("agricultural field", "agricultural fields", 1.5),
                w("", "farmland", 2.0),
                w("", "cropland", 1.2),
                w("crop field", "crop fields", 1.0),
                w("farm plot", "farm plots", 0.4),
                w("~cultivated field", "~cultivated fields", 0.4),
                w("~", "~arable land", 0.4),
            ],
        ),
        &["field", "cropland", "agriculture"],
    ),
    entry(
        "water",
        &[
            unless(w("", "water", 4.0), &["swimming pool"]),
            w("body of water", "bodies of water", 1.0),
            w("water body", "water bodies", 1.0),
            w("", "open water", 0.5),
            w("", "water surface", 0.5),
            w("~", "~water area", 0.4),
            w("~waterbody", "~waterbodies", 0.3),
        ],
    ),
    alias(
        rarely(
            entry(
                "bare land",
                &[
                    w("", "bare land", 2.0),
                    w("", "bare soil", 1.5),
                    w("", "bare ground", 1.5),
                    w("", "bare earth", 0.7),
                    w("", "unvegetated ground", 0.3),
                    w("", "open ground", 0.3),
                    w("", "dirt", 0.4),
                    w("", "sandy ground", 0.3),
                    w("~", "~barren land", 0.5),
                    w("~", "~exposed soil", 0.4),
                ],
            ),
            0.5,
        ),
        &["bareland", "barren", "bare soil"],
    ),
    alias(
        entry(
            "wind turbine",
            &[
                w("wind turbine", "wind turbines", 4.0),
                w("windmill", "windmills", 1.0),
                w("wind generator", "wind generators", 0.4),
                w("~wind power turbine", "~wind power turbines", 0.4),
            ],
        ),
        &["windmill"],
    ),
    alias(
        entry(
            "golf course",
            &[
                w("golf course", "golf courses", 4.0),
                w("golf field", "golf fields", 0.5),
                w("~golfing ground", "~golfing grounds", 0.3),
            ],
        ),
        &["golffield", "golf field"],
    ),
    entry("stadium", &[w("stadium", "stadiums", 4.0), w("sports stadium", "sports stadiums", 1.0)]),
    entry(
        "airport",
        &[w("airport", "airports", 4.0), w("airfield", "airfields", 1.0), w("~aerodrome", "~aerodromes", 0.4)],
    ),
    alias(
        entry(
            "soccer field",
            &[
                w("soccer field", "soccer fields", 3.0),
                w("football pitch", "football pitches", 1.5),
                w("soccer pitch", "soccer pitches", 1.0),
                w("~football ground", "~football grounds", 0.4),
            ],
        ),
        &["soccer ball field", "football field"],
    ),
    alias(entry("overpass", &[w("overpass", "overpasses", 3.0), w("flyover", "flyovers", 1.5)]), &["viaduct"]),
    entry("dam", &[w("dam", "dams", 3.0), w("dam wall", "dam walls", 0.5)]),
    alias(
        entry(
            "train station",
            &[w("train station", "train stations", 3.0), w("railway station", "railway stations", 1.5)],
        ),
        &["trainstation"],
    ),
    entry(
        "expressway service area",
        &[
            w("expressway service area", "expressway service areas", 2.0),
            w("motorway service area", "motorway service areas", 1.0),
            w("highway rest area", "highway rest areas", 1.0),
        ],
    ),
    alias(
        rarely(
            entry(
                "sports court",
                &[
                    unless(w("sports court", "sports courts", 3.0), &["tennis court", "basketball court"]),
                    unless(w("playing court", "playing courts", 0.6), &["tennis court", "basketball court"]),
                ],
            ),
            0.3,
        ),
        &[],
    ),
    coloured("helicopter", &[w("helicopter", "helicopters", 3.0), w("chopper", "choppers", 0.4)]),
];

/// Words for several categories at once: each names every thing of all of them.
pub(super) static FAMILIES: &[Word] = &[
    also(w("sports ground", "sports grounds", 1.0), SPORTS),
    also(w("sports facility", "sports facilities", 1.0), SPORTS),
    also(w("~sports area", "~sports areas", 0.3), SPORTS),
];

/// The entry of a category, whatever its label set calls it.
pub(super) fn entry_of(category: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|e| e.category == category).or_else(|| {
        let plain = category.to_lowercase().replace(['-', '_'], " ");
        ENTRIES.iter().find(|e| e.category == plain || e.aliases.contains(&plain.as_str()))
    })
}

/// The plural of a category that has no entry.
pub(super) fn plural(singular: &str) -> String {
    let ends = |tails: &[&str]| tails.iter().any(|tail| singular.ends_with(tail));
    if ends(&["s", "x", "z", "ch", "sh"]) {
        format!("{singular}es")
    } else if singular.ends_with('y') && !ends(&["ay", "ey", "oy", "uy"]) {
        format!("{}ies", &singular[..singular.len() - 1])
    } else {
        format!("{singular}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_has_a_plain_word_and_a_tenth_of_the_words_is_reserved() {
        let words: Vec<&Word> = ENTRIES.iter().flat_map(|e| e.words).collect();
        let reserved = words.iter().filter(|w| w.many.starts_with('~')).count();
        assert!(ENTRIES.iter().all(|e| !e.words[0].many.starts_with('~')));
        let share = reserved as f64 / words.len() as f64;
        assert!((0.1..0.25).contains(&share), "{reserved} of {}", words.len());
    }

    #[test]
    fn names_of_other_label_sets_are_understood() {
        assert_eq!(entry_of("Storage-Tank").map(|e| e.category), Some("storage tank"));
        assert_eq!(entry_of("plane").map(|e| e.category), Some("airplane"));
        assert!(entry_of("roundabout").is_none());
    }

    #[test]
    fn unknown_names_get_a_regular_plural() {
        assert_eq!(plural("roundabout"), "roundabouts");
        assert_eq!(plural("railway"), "railways");
        assert_eq!(plural("chimney"), "chimneys");
        assert_eq!(plural("ferry"), "ferries");
        assert_eq!(plural("cross"), "crosses");
    }
}
