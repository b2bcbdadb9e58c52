//! What is said of a figure whose model cannot be opened.

use whyfinder_experiment::Provenance;

/// Says which model a figure needs, by name and digest.
pub(crate) fn missing_model(model: &str, provenance: &Provenance, why: &str) -> String {
    let digest = |name: &str, digest: &str| {
        if digest.is_empty() {
            String::new()
        } else {
            format!(", {name} {digest}")
        }
    };
    format!(
        "The figure's model is not at hand: {model}{}{}. {why}",
        digest("weights with the BLAKE3 digest", &provenance.model_digest),
        digest("tokenizer", &provenance.tokenizer_digest)
    )
}
