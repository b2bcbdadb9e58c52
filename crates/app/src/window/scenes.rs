//! The bundled scenes: an experiment each, with a title and the sentence that says what it shows.

use serde::Deserialize;
use whyfinder_experiment::Experiment;

use super::thumbnail::Thumbnail;

/// One card of the gallery.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Short name, as in file names and on the command line.
    pub name: &'static str,
    pub title: String,
    pub sentence: String,
    pub experiment: Experiment,
    /// Networks that are asked the same, to be compared.
    pub beside: Vec<String>,
    /// The scene's own result in small, if it has been drawn.
    pub thumbnail: Option<Thumbnail>,
}

#[derive(Deserialize)]
struct SceneFile {
    title: String,
    sentence: String,
    #[serde(default)]
    beside: Vec<String>,
    #[serde(flatten)]
    experiment: Experiment,
}

macro_rules! scene {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../assets/scenes/",
                $name,
                ".toml"
            )),
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../assets/scenes/",
                $name,
                ".json"
            )),
        )
    };
}

/// Name, scene and thumbnail files, in the order of the gallery.
const FILES: [(&str, &str, &str); 12] = [
    scene!("tower"),
    scene!("facade"),
    scene!("noise-ring"),
    scene!("local-and-global"),
    scene!("trade"),
    scene!("tower-own-parts"),
    scene!("induction"),
    scene!("indirect-object"),
    scene!("pronoun"),
    scene!("pairs"),
    scene!("river"),
    scene!("sum"),
];

/// Every bundled scene, in the order of the gallery.
pub fn bundled() -> Vec<Scene> {
    FILES
        .into_iter()
        .filter_map(|(name, scene, thumbnail)| {
            let file: SceneFile = toml::from_str(scene).ok()?;
            Some(Scene {
                name,
                title: file.title,
                sentence: file.sentence,
                experiment: file.experiment,
                beside: file.beside,
                thumbnail: serde_json::from_str(thumbnail).ok(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_scene_parses() {
        for (name, scene, thumbnail) in FILES {
            toml::from_str::<SceneFile>(scene).unwrap_or_else(|e| panic!("{name}: {e}"));
            serde_json::from_str::<Option<Thumbnail>>(thumbnail)
                .unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        assert_eq!(bundled().len(), FILES.len());
    }

    #[test]
    fn scenes_say_what_they_show_in_one_sentence() {
        for scene in bundled() {
            assert!(scene.title.len() <= 48, "{} is long", scene.title);
            assert!(scene.sentence.ends_with('.'), "{}", scene.name);
            assert!(scene.sentence.len() <= 160, "{} is long", scene.name);
        }
    }
}
