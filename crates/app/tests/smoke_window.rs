//! The real binary in a real window, on a display without a screen: a hand clicks, and an eye compares.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use image::RgbImage;
use tempfile::TempDir;

const MODEL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/fixtures/parity/gpt2"
);
/// Software rendering on a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A display of its own, gone at the end of the test.
struct Screen {
    server: Child,
    name: String,
}

impl Screen {
    fn start() -> Self {
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1440x900x24",
                "-nolisten",
                "tcp",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is missing; `cargo xtask test` installs it, or `apt-get install xvfb`");
        let mut number = String::new();
        let out = server.stdout.take().expect("piped");
        BufReader::new(out)
            .read_line(&mut number)
            .expect("Xvfb says its display");
        let number = number.trim();
        assert!(!number.is_empty(), "Xvfb found no free display");
        Self {
            name: format!(":{number}"),
            server,
        }
    }

    fn hand(&self, words: &[&str]) {
        let status = Command::new("xdotool")
            .args(words)
            .env("DISPLAY", &self.name)
            .status()
            .expect(
                "xdotool is missing; `cargo xtask test` installs it, or `apt-get install xdotool`",
            );
        assert!(status.success(), "xdotool {words:?}");
    }

    fn click(&self, x: u32, y: u32) {
        let (x, y) = (x.to_string(), y.to_string());
        self.hand(&["mousemove", &x, &y]);
        sleep(Duration::from_millis(150));
        self.hand(&["click", "1"]);
    }

    /// Presses the button at one place, and lets it go at another.
    fn drag(&self, from: [u32; 2], to: [u32; 2]) {
        let go = |[x, y]: [u32; 2]| {
            self.hand(&["mousemove", &x.to_string(), &y.to_string()]);
            sleep(Duration::from_millis(250));
        };
        go(from);
        self.hand(&["mousedown", "1"]);
        sleep(Duration::from_millis(250));
        go([from[0].midpoint(to[0]), from[1].midpoint(to[1])]);
        go(to);
        self.hand(&["mouseup", "1"]);
    }

    fn look(&self) -> RgbImage {
        let seen = Command::new("import")
            .args(["-window", "root", "png:-"])
            .env("DISPLAY", &self.name)
            .output()
            .expect("import is missing; `cargo xtask test` installs it, or `apt-get install imagemagick`");
        image::load_from_memory(&seen.stdout)
            .expect("a picture of the screen")
            .to_rgb8()
    }

    /// Looks until the picture passes, and gives it; the last one is in the message otherwise.
    fn look_until(&self, what: &str, passes: impl Fn(&RgbImage) -> bool) -> RgbImage {
        let began = Instant::now();
        loop {
            let picture = self.look();
            if passes(&picture) {
                return picture;
            }
            if began.elapsed() > PATIENCE {
                let at = std::env::temp_dir().join("whyfinder-smoke-failed.png");
                picture.save(&at).expect("saves");
                panic!(
                    "{what} was not seen in time; the screen is in {}",
                    at.display()
                );
            }
            sleep(Duration::from_millis(250));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The program, with a home of its own, ended with the test.
struct Program {
    child: Child,
    _home: TempDir,
}

impl Program {
    fn start(screen: &Screen, words: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        close_to_others(home.path());
        let child = Command::new(env!("CARGO_BIN_EXE_whyfinder"))
            .args(words)
            .env("DISPLAY", &screen.name)
            .env_remove("WAYLAND_DISPLAY")
            .env("XDG_RUNTIME_DIR", home.path())
            .env("HOME", home.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .current_dir(home.path())
            .spawn()
            .expect("the binary starts");
        Self { child, _home: home }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn close_to_others(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let own = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(folder, own).expect("closes the folder");
}

/// Mean of all channels, 0 to 255.
fn brightness(picture: &RgbImage) -> f64 {
    let sum: u64 = picture.iter().map(|&c| u64::from(c)).sum();
    sum as f64 / picture.len().max(1) as f64
}

/// Pixels whose channels lie far apart: maps are colourful, the window around them is not.
fn colourful(picture: &RgbImage) -> usize {
    picture
        .pixels()
        .filter(|p| {
            p.0.iter()
                .max()
                .zip(p.0.iter().min())
                .is_some_and(|(a, b)| a - b > 60)
        })
        .count()
}

/// The window is up once the screen, black at first, shows more than a few colours.
fn is_up(picture: &RgbImage) -> bool {
    let first = picture.get_pixel(0, 0);
    picture.pixels().filter(|p| *p != first).count() > 10_000
}

#[test]
fn a_click_on_the_theme_turns_the_window_light() {
    let screen = Screen::start();
    let _program = Program::start(&screen, &["open", MODEL]);
    let dark = screen.look_until("the window", is_up);
    assert!(
        brightness(&dark) < 80.0,
        "it starts dark: {}",
        brightness(&dark)
    );
    screen.click(1410, 22);
    let light = screen.look_until("the light theme", |p| brightness(p) > 180.0);
    assert_eq!(light.dimensions(), dark.dimensions());
}

/// Part of the pixels that look otherwise.
fn changed(before: &RgbImage, after: &RgbImage) -> f64 {
    let differs = before
        .pixels()
        .zip(after.pixels())
        .filter(|(a, b)| a.0.iter().zip(b.0).any(|(&a, b)| a.abs_diff(b) > 8))
        .count();
    differs as f64 / f64::from(before.width() * before.height())
}

#[test]
fn a_click_on_a_scene_shows_its_maps() {
    let screen = Screen::start();
    let _program = Program::start(&screen, &[]);
    screen.look_until("the window", is_up);
    sleep(Duration::from_secs(2));
    let gallery = screen.look();
    screen.click(170, 260);
    screen.look_until("the maps of the scene", |p| {
        changed(&gallery, p) > 0.15 && colourful(p) > 5_000
    });
}

/// The column in which the attention atlas stands.
fn left_column(picture: &RgbImage) -> RgbImage {
    image::imageops::crop_imm(picture, 0, 180, 335, 360).to_image()
}

#[test]
fn a_typed_prompt_shows_its_attention() {
    let screen = Screen::start();
    let _program = Program::start(&screen, &["open", MODEL]);
    screen.look_until("the window", is_up);
    sleep(Duration::from_secs(1));
    // There is no window manager to give the keyboard to the window.
    screen.hand(&["search", "--name", "^Whyfinder$", "windowfocus"]);
    screen.click(500, 70);
    // The field takes the keyboard in the frame that sees the click.
    sleep(Duration::from_millis(500));
    screen.hand(&["type", "--delay", "40", "The lighthouse of Varn"]);
    sleep(Duration::from_millis(500));
    let before = left_column(&screen.look());
    screen.hand(&["key", "Return"]);
    screen.look_until("the attention atlas", |p| {
        let column = left_column(p);
        changed(&before, &column) > 0.05 && colourful(&column) > 3_000
    });
}

/// Where the map of a picture stands, and where the output beside it.
fn map_and_output(picture: &RgbImage) -> [RgbImage; 2] {
    [240, 694].map(|x| image::imageops::crop_imm(picture, x, 84, 430, 430).to_image())
}

/// Pixels of two pictures that are light and dark: more than the window's own grounds.
fn is_a_picture(part: &RgbImage) -> bool {
    let [light, dark] = [|v: u8| v > 110, |v: u8| v < 90]
        .map(|is| part.pixels().filter(|p| p.0.iter().any(|&c| is(c))).count());
    light > 20_000 && dark > 5_000
}

#[test]
fn a_dragged_region_shows_which_blocks_it_needs() {
    let screen = Screen::start();
    let _program = Program::start(&screen, &["open", "demo:denoise"]);
    screen.look_until("the output of the network", |p| {
        is_a_picture(&map_and_output(p)[1])
    });
    sleep(Duration::from_secs(1));
    let [before, _] = map_and_output(&screen.look());
    // The region stands in the middle of the output.
    screen.drag([911, 299], [860, 250]);
    screen.look_until("the effects over the input", |p| {
        let [map, _] = map_and_output(p);
        changed(&before, &map) > 0.02 && colourful(&map) > colourful(&before) + 300
    });
}

#[test]
fn without_a_driver_the_package_that_gives_one_is_named() {
    let screen = Screen::start();
    let home = tempfile::tempdir().expect("a folder");
    close_to_others(home.path());
    let mut child = Command::new(env!("CARGO_BIN_EXE_whyfinder"))
        .env("DISPLAY", &screen.name)
        .env_remove("WAYLAND_DISPLAY")
        .env("XDG_RUNTIME_DIR", home.path())
        .env("HOME", home.path())
        .env("VK_DRIVER_FILES", "/dev/null")
        .env("VK_ICD_FILENAMES", "/dev/null")
        .env("__EGL_VENDOR_LIBRARY_FILENAMES", "/dev/null")
        .env("LIBGL_DRIVERS_PATH", "/nowhere")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("can be asked") {
            break status;
        }
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("it found a driver although all are hidden");
        }
        sleep(Duration::from_millis(50));
    };
    let mut said = String::new();
    let mut err = child.stderr.take().expect("piped");
    std::io::Read::read_to_string(&mut err, &mut said).expect("reads");
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("mesa-vulkan-drivers"), "{said}");
}
