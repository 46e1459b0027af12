//! What people call buildings, ground and what stands on it.

use super::{Entry, alias, coloured, entry, rarely, unless, w};

pub(super) static LAND: &[Entry] = &[
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
