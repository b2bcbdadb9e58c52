//! Where the pixels of a window lie in an image.

use super::gemm::Shared;
use super::storage::tasks;
use super::window_attention::Windows;
use crate::error::{ModelError, Result};

/// What is looked up in `[N, H, W, 3 C]`, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Query = 0,
    Key = 1,
    Value = 2,
}

/// Sizes of one attention inside windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) images: usize,
    /// Height and width in pixels.
    pub(super) input: [usize; 2],
    /// Windows down and across.
    pub(super) windows: [usize; 2],
    /// Channels of the queries, in all heads.
    pub(super) channels: usize,
    form: Windows,
}

impl Sizes {
    pub(super) fn of(qkv: &[usize], form: &Windows) -> Result<Self> {
        let unfit = || {
            ModelError::Input(format!(
                "Queries, keys and values of shape {qkv:?} (images, height, width, 3 x channels) do not fit {form:?}."
            ))
        };
        let &[images, height, width, all] = qkv else {
            return Err(unfit());
        };
        let (size, heads) = (form.size, form.heads);
        let cut = size > 0 && height.is_multiple_of(size) && width.is_multiple_of(size);
        let shared = heads > 0 && all > 0 && all.is_multiple_of(3 * heads);
        let apart = form.shift < size.max(1) && (form.shift == 0 || form.overlap == 0);
        if !(cut && shared && apart && form.overlap.is_multiple_of(2) && height * width > 0) {
            return Err(unfit());
        }
        Ok(Self {
            images,
            input: [height, width],
            windows: [height / size, width / size],
            channels: all / 3,
            form: *form,
        })
    }

    pub(super) fn check_bias(&self, bias: &[usize]) -> Result<()> {
        let expected = [self.form.heads, self.queries(), self.keys()];
        if bias == expected {
            return Ok(());
        }
        Err(ModelError::Input(format!(
            "A position bias of shape {bias:?} does not fit windows that need {expected:?}."
        )))
    }

    pub(super) fn check_pattern(&self, pattern: &[usize]) -> Result<()> {
        let (queries, keys) = (self.queries(), self.keys());
        let expected = [self.all_windows(), self.form.heads, queries, keys];
        if pattern == expected {
            return Ok(());
        }
        Err(ModelError::Input(format!(
            "An attention pattern of shape {pattern:?} does not fit windows that need {expected:?}."
        )))
    }

    pub(super) fn queries(&self) -> usize {
        self.form.size * self.form.size
    }

    pub(super) fn keys(&self) -> usize {
        self.form.key_size() * self.form.key_size()
    }

    /// Channels per head.
    pub(super) fn width(&self) -> usize {
        self.channels / self.form.heads
    }

    pub(super) fn scale(&self) -> f32 {
        1.0 / (self.width() as f32).sqrt()
    }

    pub(super) fn windows_per_image(&self) -> usize {
        self.windows[0] * self.windows[1]
    }

    pub(super) fn all_windows(&self) -> usize {
        self.images * self.windows_per_image()
    }

    /// Elements of all patterns.
    pub(super) fn edges(&self) -> usize {
        self.all_windows() * self.form.heads * self.queries() * self.keys()
    }

    /// Where the pattern of a head in a window begins.
    pub(super) fn pattern_at(&self, window: usize, head: usize) -> usize {
        (window * self.form.heads + head) * self.queries() * self.keys()
    }

    fn cost(&self) -> usize {
        self.queries() * self.keys() * (self.width() + 8)
    }

    /// Runs `run(window, head)` for all windows of all images.
    pub(super) fn each_window(&self, run: impl Fn(usize, usize) + Sync + Send) {
        let heads = self.form.heads;
        tasks(self.all_windows() * heads, self.cost(), |task| {
            run(task / heads, task % heads);
        });
    }

    /// [`Self::each_window`], but windows that share keys come one after the other.
    pub(super) fn each_apart(&self, run: impl Fn(usize, usize) + Sync + Send) {
        if self.form.overlap == 0 {
            return self.each_window(run);
        }
        let (heads, windows) = (self.form.heads, self.windows_per_image());
        tasks(self.images * heads, windows * self.cost(), |task| {
            let (image, head) = (task / heads, task % heads);
            (image * windows..(image + 1) * windows).for_each(|window| run(window, head));
        });
    }

    /// The pixels of a window, row by row, counted over all images; `None` for those outside.
    fn pixels(&self, part: Part, window: usize) -> impl Iterator<Item = Option<usize>> + use<> {
        let sizes = *self;
        let (image, window) = (
            window / self.windows_per_image(),
            window % self.windows_per_image(),
        );
        let (row, column) = (window / self.windows[1], window % self.windows[1]);
        let Windows {
            size,
            shift,
            overlap,
            ..
        } = self.form;
        let (side, before) = match part {
            Part::Query => (size, 0),
            Part::Key | Part::Value => (self.form.key_size(), overlap / 2),
        };
        let along = move |window: usize, token: usize, length: usize| {
            let at = (window * size + token).checked_sub(before)?;
            if overlap == 0 {
                Some((at + shift) % length)
            } else {
                Some(at).filter(|at| *at < length)
            }
        };
        (0..side * side).map(move |token| {
            let y = along(row, token / side, sizes.input[0])?;
            let x = along(column, token % side, sizes.input[1])?;
            Some((image * sizes.input[0] + y) * sizes.input[1] + x)
        })
    }

    /// Where a head's channels begin at a pixel of `[N, H, W, 3 C]`.
    fn channel_at(&self, part: Part, pixel: usize, head: usize) -> usize {
        (pixel * 3 + part as usize) * self.channels + head * self.width()
    }

    /// Tokens x width of one head of a window; zeros outside the image.
    pub(super) fn gather(&self, qkv: &[f32], part: Part, window: usize, head: usize) -> Vec<f32> {
        let width = self.width();
        let side = match part {
            Part::Query => self.queries(),
            Part::Key | Part::Value => self.keys(),
        };
        let mut tokens = vec![0f32; side * width];
        for (token, pixel) in tokens
            .chunks_exact_mut(width)
            .zip(self.pixels(part, window))
        {
            if let Some(pixel) = pixel {
                let at = self.channel_at(part, pixel, head);
                token.copy_from_slice(&qkv[at..at + width]);
            }
        }
        tokens
    }

    /// Tokens x width of one head of a window of `[N, H, W, C]`.
    pub(super) fn gather_output(&self, y: &[f32], window: usize, head: usize) -> Vec<f32> {
        let width = self.width();
        let mut tokens = Vec::with_capacity(self.queries() * width);
        for pixel in self.pixels(Part::Query, window).flatten() {
            let at = pixel * self.channels + head * width;
            tokens.extend_from_slice(&y[at..at + width]);
        }
        tokens
    }

    /// Writes the tokens of one head of a window to their places in `[N, H, W, C]`.
    ///
    /// # Safety
    /// Nothing else may read or write this head of these pixels meanwhile.
    #[allow(unsafe_code)]
    pub(super) unsafe fn put(&self, y: Shared<'_>, window: usize, head: usize, tokens: &[f32]) {
        let width = self.width();
        let pixels = self.pixels(Part::Query, window).flatten();
        for (token, pixel) in tokens.chunks_exact(width).zip(pixels) {
            let at = pixel * self.channels + head * width;
            // SAFETY: the caller's promise.
            let mut place = unsafe { y.matrix(at, 1, width, width) };
            place.row(0).copy_from_slice(token);
        }
    }

    /// Adds the tokens of one head of a window to their places in `[N, H, W, 3 C]`.
    ///
    /// # Safety
    /// Nothing else may read or write this head of these pixels meanwhile.
    #[allow(unsafe_code)]
    pub(super) unsafe fn add(
        &self,
        qkv: Shared<'_>,
        part: Part,
        window: usize,
        head: usize,
        tokens: &[f32],
    ) {
        let width = self.width();
        for (token, pixel) in tokens.chunks_exact(width).zip(self.pixels(part, window)) {
            let Some(pixel) = pixel else { continue };
            let at = self.channel_at(part, pixel, head);
            // SAFETY: the caller's promise.
            let mut place = unsafe { qkv.matrix(at, 1, width, width) };
            for (sum, x) in place.row(0).iter_mut().zip(token) {
                *sum += x;
            }
        }
    }

    /// Which part of the image each token of a window comes from, where a shift brings several together: tokens
    /// from different parts are no neighbours. `window` may count over all images.
    pub(super) fn regions(&self, window: usize) -> Vec<u8> {
        let window = window % self.windows_per_image();
        let (row, column) = (window / self.windows[1], window % self.windows[1]);
        let Windows { size, shift, .. } = self.form;
        let region = |at: usize, length: usize| {
            u8::from(at >= length - size) + u8::from(at >= length - shift)
        };
        (0..size * size)
            .map(|token| {
                let y = region(row * size + token / size, self.input[0]);
                let x = region(column * size + token % size, self.input[1]);
                3 * y + x
            })
            .collect()
    }

    /// [`Self::regions`], if there are several in this window.
    pub(super) fn mixed_regions(&self, window: usize) -> Option<Vec<u8>> {
        if self.form.shift == 0 {
            return None;
        }
        let regions = self.regions(window);
        let mixed = regions.iter().any(|region| *region != regions[0]);
        mixed.then_some(regions)
    }
}
