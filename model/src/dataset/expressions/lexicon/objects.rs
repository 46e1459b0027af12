//! What people call vehicles, vessels, tanks, works and sports grounds.

use super::{Entry, ROAD_VEHICLES, alias, also, coloured, entry, unless, w};

pub(super) static OBJECTS: &[Entry] = &[
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
];
