//! What a screen reader, and a test, is told of a painted map.

use egui::{Response, Role, WidgetInfo, accesskit};

/// Names a painted widget and says its current value; a change of value is read out.
pub(crate) fn describe(response: &Response, role: Role, label: &str, value: &str) {
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(role, response.enabled(), label);
        info.current_text_value = Some(value.to_string());
        info
    });
    response.ctx.accesskit_node_builder(response.id, |node| {
        node.set_live(accesskit::Live::Polite);
    });
}
