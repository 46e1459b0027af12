use super::*;
use serde_json::json;

fn item(assets: &Value) -> Value {
    json!({"type": "Feature", "stac_version": "1.0.0", "id": "a", "geometry": null, "properties": {}, "assets": assets})
}

/// What a document in a folder gives, the folder written as `F`.
fn read(document: &Value, name: Option<&str>, is_untrusted: bool) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doc.json");
    std::fs::write(&path, document.to_string()).unwrap();
    let found = scenes(&path, AssetChoice { name, is_untrusted })?;
    let folder = folder.path().to_str().unwrap();
    Ok(found.iter().map(|scene| scene.to_str().unwrap().replacen(folder, "F", 1)).collect())
}

fn only(assets: &Value) -> Result<String, String> {
    read(&item(assets), None, false).map(|mut found| found.remove(0))
}

#[test]
fn the_asset_to_look_at_is_taken_before_data_and_never_a_thumbnail() {
    let cog = "image/tiff; application=geotiff; profile=cloud-optimized";
    let assets = json!({
        "B02": {"href": "b2.tif", "type": cog, "roles": ["data"]},
        "B03": {"href": "b3.tif", "type": cog, "roles": ["data"]},
        "tci": {"href": "./tci.tif", "type": cog, "roles": ["visual"]},
        "thumb": {"href": "t.tif", "type": cog, "roles": ["thumbnail"]},
    });
    assert_eq!(only(&assets).unwrap(), "F/./tci.tif");
    assert_eq!(only(&json!({"visual": {"href": "v.tif"}, "B02": {"href": "b.tif"}})).unwrap(), "F/v.tif");
    assert_eq!(only(&json!({"x": {"href": "b.jp2", "type": "image/jp2"}, "m": {"href": "m.xml"}})).unwrap(), "F/b.jp2");
    assert_eq!(only(&json!({"x": {"href": "https://h/b.tif?sig=1"}})).unwrap(), "https://h/b.tif?sig=1");
    assert_eq!(only(&json!({"x": {"href": "file:///data/b.tif"}})).unwrap(), "/data/b.tif");
}

#[test]
fn several_rasters_are_a_choice_for_the_user() {
    let assets = json!({"B02": {"href": "b2.tif"}, "B03": {"href": "b3.tif"}, "m": {"href": "m.xml"}});
    let refused = only(&assets).unwrap_err();
    assert!(refused.contains("B02, B03: choose with --asset") && refused.contains("item \"a\""), "{refused}");
    assert_eq!(read(&item(&assets), Some("B03"), false).unwrap(), ["F/b3.tif"]);
    assert_eq!(read(&item(&assets), Some("m"), false).unwrap(), ["F/m.xml"]);
    assert!(read(&item(&assets), Some("B99"), false).unwrap_err().contains("B02, B03, m"));
    assert!(only(&json!({"m": {"href": "m.xml"}})).unwrap_err().contains("none of its assets"));
}

#[test]
fn collections_of_items_give_their_scenes_in_order_and_others_say_what_they_are() {
    let feature = |name: &str| item(&json!({"x": {"href": name}}));
    let all = json!({"type": "FeatureCollection", "features": [feature("b.tif"), feature("a.tif")]});
    assert_eq!(read(&all, None, false).unwrap(), ["F/b.tif", "F/a.tif"]);
    for (wrong, words) in [
        (json!({"type": "FeatureCollection", "features": []}), "no items"),
        (json!({"type": "FeatureCollection", "features": [{"type": "Feature"}]}), "item 0: it has no assets"),
        (json!({"type": "Collection", "links": []}), "a STAC Collection"),
        (json!([1, 2]), "neither a STAC item"),
        (item(&json!({"x": {"type": "image/tiff"}})), "no href"),
    ] {
        let refused = read(&wrong, None, false).unwrap_err();
        assert!(refused.contains(words), "{refused}");
    }
}

#[test]
fn documents_never_name_more_than_files_and_addresses() {
    for href in ["/vsicurl/http://h/a.tif", "MEM:::DATAPOINTER=1.tif", "s3://b/a.tif", "<VRTDataset/>.tif", ""] {
        let assets = json!({"x": {"href": href, "type": "image/tiff"}});
        assert!(only(&assets).unwrap_err().contains("neither a file nor a web address"), "{href}");
    }
}

#[test]
fn a_strangers_document_names_files_below_its_own_folder_only() {
    for href in ["https://h/a.tif", "../a.tif", "/etc/a.tif", "file:///etc/a.tif", "sub/../../a.tif"] {
        let document = item(&json!({"x": {"href": href}}));
        assert!(read(&document, None, true).unwrap_err().contains("--untrusted does not take"), "{href}");
        assert!(read(&document, None, false).is_ok(), "{href}");
    }
    assert_eq!(read(&item(&json!({"x": {"href": "sub/a.tif"}})), None, true).unwrap(), ["F/sub/a.tif"]);
}

#[cfg(unix)]
#[test]
fn a_strangers_folder_that_is_a_link_leads_nowhere() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(elsewhere.path().join("a.tif"), "x").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("sub")).unwrap();
    let path = folder.path().join("doc.json");
    std::fs::write(&path, item(&json!({"x": {"href": "sub/a.tif"}})).to_string()).unwrap();
    assert!(scenes(&path, AssetChoice { name: None, is_untrusted: true }).is_err());
}
