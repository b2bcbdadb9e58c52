//! `whyfinder run`, `estimate`, `inspect`, `gallery`, `open`.
