//! What an SVG says: its words without markup, and its rectangles.

/// The words of each text element, in order.
pub(crate) fn texts(svg: &str) -> Vec<String> {
    svg.split("<text ")
        .skip(1)
        .filter_map(|rest| {
            let (_, rest) = rest.split_once('>')?;
            let (inner, _) = rest.split_once("</text>")?;
            Some(plain(inner))
        })
        .collect()
}

/// An attribute of an element's tag.
pub(crate) fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// The words of an element without the markup in it.
pub(crate) fn plain(markup: &str) -> String {
    let mut words = String::new();
    let mut inside = false;
    for c in markup.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => words.push(c),
            _ => {}
        }
    }
    words
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rect {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) fill: [u8; 3],
}

pub(crate) fn rects(svg: &str) -> Vec<Rect> {
    svg.split("<rect ")
        .skip(1)
        .map(|rest| {
            let (attributes, _) = rest.split_once("/>").expect("it ends");
            let of = |name: &str| {
                let start =
                    attributes.find(&format!("{name}=\"")).expect("it is there") + name.len() + 2;
                attributes[start..].split_once('"').expect("it ends").0
            };
            let number = |name: &str| of(name).parse().expect("a number");
            let fill = of("fill");
            let byte = |i: usize| u8::from_str_radix(&fill[i..i + 2], 16).expect("hexadecimal");
            Rect {
                x: number("x"),
                y: number("y"),
                width: number("width"),
                height: number("height"),
                fill: [byte(1), byte(3), byte(5)],
            }
        })
        .collect()
}

/// Width and height in millimetres.
pub(crate) fn millimetres(svg: &str) -> [f32; 2] {
    ["width", "height"].map(|name| {
        let start = svg.find(&format!("{name}=\"")).expect("it says so") + name.len() + 2;
        let value = svg[start..].split_once('"').expect("it ends").0;
        value
            .strip_suffix("mm")
            .expect("millimetres")
            .parse()
            .expect("a number")
    })
}
