//! The image networks that come with the program.

use whyfinder_model::network::demo::NETWORK_DEMOS;

/// References of all of them.
pub(crate) fn all() -> Vec<String> {
    NETWORK_DEMOS
        .iter()
        .map(|demo| format!("demo:{}", demo.name))
        .collect()
}

/// The one that a picture is opened with where no network is open.
pub(crate) fn first() -> Option<String> {
    all().into_iter().next()
}
