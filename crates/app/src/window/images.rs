//! The part of the window for networks that turn pictures into pictures.
//!
//! The same rules hold as for the rest of it: panels read the state and push commands; only the application applies
//! them. Nothing here knows how a map is measured.

pub mod asking;
pub mod command;
pub mod methods;
pub mod parts;
pub mod results;
pub mod state;

mod answers;
pub(crate) mod applying;
pub(crate) mod block_panel;
mod compared_maps;
mod counts_row;
pub(crate) mod curves_panel;
pub(crate) mod effect_panel;
mod files_seen;
mod intervention_settings;
mod jobs;
mod map_data;
pub(crate) mod map_panel;
mod map_settings;
pub(crate) mod networks_panel;
mod output_view;
pub(crate) mod picture_choice;
mod pointed_at;
pub(crate) mod regions_panel;
pub(crate) mod window_attention_panel;

pub use asking::{ImageQuestion, PictureRole};
pub use command::ImageCommand;
pub use methods::MethodName;
pub use state::Images;

pub(crate) use applying::is_held;
pub(crate) use effect_panel::EffectViews;
pub(crate) use jobs::Pending;
pub(crate) use map_data::round_extent;
pub(crate) use picture_choice::is_picture;
pub(crate) use {
    block_panel as block, curves_panel as curves, effect_panel as effect, map_panel as map,
    networks_panel as networks, regions_panel as regions,
    window_attention_panel as window_attention,
};
