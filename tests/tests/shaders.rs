//! Every shader parses and validates, and its storage stays within what every device offers.

use std::path::Path;

use naga::valid::{Capabilities, ValidationFlags, Validator};

fn shaders() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|a| a.join("shaders"))
        .find(|f| f.is_dir())
        .expect("the shaders folder is there");
    let mut files: Vec<(String, String)> = std::fs::read_dir(&folder)
        .expect("the shaders folder is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|e| e == "wgsl"))
        .map(|path| (name(&path), std::fs::read_to_string(&path).expect("text")))
        .collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn parsed(name: &str, text: &str) -> naga::Module {
    naga::front::wgsl::parse_str(text)
        .unwrap_or_else(|e| panic!("{name} does not parse:\n{}", e.emit_to_string(text)))
}

#[test]
fn every_shader_is_valid_without_optional_capabilities() {
    let files = shaders();
    assert!(files.len() >= 2, "{files:?}");
    for (name, text) in files {
        let module = parsed(&name, &text);
        Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .unwrap_or_else(|e| panic!("{name} is not valid:\n{}", e.emit_to_string(&text)));
        assert!(!module.entry_points.is_empty(), "{name} has no entry point");
    }
}

#[test]
fn no_shader_compares_a_number_with_itself_to_find_nan() {
    // Drivers drop `v != v`; the bits must be looked at.
    for (name, text) in shaders() {
        for line in text.lines() {
            if let Some((left, right)) = line.split_once("!=") {
                let left = left.split([' ', '(']).rfind(|w| !w.is_empty());
                let right = right.split([' ', ')', ';']).find(|w| !w.is_empty());
                assert_ne!(left, right, "{name}: {line}");
            }
        }
    }
}

#[test]
fn storage_buffers_stay_within_the_least_that_devices_offer() {
    for (name, text) in shaders() {
        let module = parsed(&name, &text);
        let storage = module
            .global_variables
            .iter()
            .filter(|(_, v)| matches!(v.space, naga::AddressSpace::Storage { .. }))
            .count();
        assert!(storage <= 4, "{name} binds {storage} storage buffers");
    }
}
