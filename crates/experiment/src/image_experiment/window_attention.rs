use serde::{Deserialize, Serialize};

/// Which pixels one pixel attends to, in every layer that attends inside windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowAttentionSettings {
    /// x and y in the output's pixels. Absent: the middle of the region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel: Option<[usize; 2]>,
}
