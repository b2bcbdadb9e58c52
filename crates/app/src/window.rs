//! The window: what is shown, what is selected, and the commands that change it.
