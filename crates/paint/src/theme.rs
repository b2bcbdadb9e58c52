//! The colours of the frame that painted maps must agree with.

/// sRGB bytes: red, green, blue, alpha (0 transparent, 255 opaque).
pub type Colour = [u8; 4];

/// Dark or light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Theme {
    #[default]
    Dark,
    Light,
}

impl Theme {
    /// Behind views.
    pub fn background(self) -> Colour {
        self.pick("121417", "f4f5f7")
    }

    /// Bars and side panels; the low end of sequential maps.
    pub fn panel(self) -> Colour {
        self.pick("191c21", "ffffff")
    }

    /// Chips, fields, selected rows.
    pub fn raised(self) -> Colour {
        self.pick("21252c", "f0f2f5")
    }

    /// Separators of one pixel.
    pub fn line(self) -> Colour {
        self.pick("2b3038", "dfe3e8")
    }

    pub fn text(self) -> Colour {
        self.pick("e8eaed", "1b1f24")
    }

    pub fn muted(self) -> Colour {
        self.pick("98a1ad", "5b6570")
    }

    /// For decoration only.
    pub fn faint(self) -> Colour {
        self.pick("636c78", "8b95a1")
    }

    /// The subject, the primary action.
    pub fn accent(self) -> Colour {
        self.pick("f2b35c", "b86e00")
    }

    /// The one selected cell, edge or token.
    pub fn selection(self) -> Colour {
        self.pick("7cc4ff", "0a66c2")
    }

    pub fn good(self) -> Colour {
        self.pick("7bd88f", "1a7f37")
    }

    /// A positive effect, in text.
    pub fn helps(self) -> Colour {
        self.pick("e5604d", "b2182b")
    }

    /// A negative effect, in text.
    pub fn harms(self) -> Colour {
        self.pick("5aa2ff", "2166ac")
    }

    fn pick(self, dark: &str, light: &str) -> Colour {
        let code = match self {
            Theme::Dark => dark,
            Theme::Light => light,
        };
        let [.., r, g, b] = u32::from_str_radix(code, 16)
            .unwrap_or_default()
            .to_be_bytes();
        [r, g, b, 255]
    }
}
