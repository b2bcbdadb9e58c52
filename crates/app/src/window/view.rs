//! What every view is given: the state to read, the theme to wear, and a place for commands.

use super::command::Command;
use super::map_states::MapStates;
use super::scenes::Scene;
use super::state::State;
use super::theme::Theme;
use crate::maps::look::MapLook;

#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) state: &'a State,
    pub(crate) theme: &'a Theme,
    pub(crate) look: &'a MapLook,
    /// The window has been cleared to the background: it need not be painted once more.
    pub(crate) clears_ground: bool,
    pub(crate) scenes: &'a [Scene],
    /// Zoom and colour range of the maps: the only thing that a view changes by itself.
    pub(crate) maps: &'a mut MapStates,
    pub(crate) commands: &'a mut Vec<Command>,
}

impl View<'_> {
    pub(crate) fn push(&mut self, command: Command) {
        self.commands.push(command);
    }
}
