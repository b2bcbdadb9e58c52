//! A language model ready to be asked.

use candle_core::Device;

use crate::assemble::assemble;
use crate::card::{ModelCard, WeightsDigest};
use crate::checkpoint::Checkpoint;
use crate::config::DecoderConfig;
use crate::decoder::Decoder;
use crate::error::Result;
use crate::family;
use crate::open::{ModelFiles, OpenOptions, device_name};
use crate::parity_badge;
use crate::tokenizer::Tokenizer;

/// A `config.json` has a few kilobytes.
/// Weights up to this size are hashed on opening, larger ones behind it.
const HASHED_AT_ONCE: u64 = 200 << 20;
/// No rounding moves a logit as far as this.
const BEYOND_ROUNDING: f32 = 0.01;

/// The network, its tokenizer, and what is known about both.
#[derive(Debug)]
pub struct LanguageModel {
    pub decoder: Decoder,
    pub tokenizer: Tokenizer,
    pub card: ModelCard,
}

impl LanguageModel {
    pub fn config(&self) -> &DecoderConfig {
        self.decoder.config()
    }

    pub fn device(&self) -> &Device {
        self.decoder.device()
    }

    pub(crate) fn load(files: ModelFiles, options: &OpenOptions) -> Result<Self> {
        let config = files.config_json()?;
        let (family, mut decoder_config, layout) = family::read(&config)?;
        let checkpoint = Checkpoint::open(&files.weights, files.index.as_ref())?;
        // Opened before the weights: of everything that can be wrong, this is found sooner.
        let tokenizer = Tokenizer::open(&files.tokenizer, decoder_config.vocab)?;
        let assembled = assemble(&checkpoint, &layout, &mut decoder_config, &options.device)?;
        checkpoint.check_unchanged()?;
        let file_bytes = checkpoint.file_bytes();
        let weights_digest = if file_bytes <= HASHED_AT_ONCE {
            WeightsDigest::known(checkpoint.digest()?)
        } else {
            WeightsDigest::behind(checkpoint.into_files())
        };
        let decoder = Decoder::new(decoder_config, assembled.weights)?;

        let mut notes = assembled.notes;
        notes.extend_from_slice(tokenizer.notes());
        let mut card = ModelCard {
            reference: files.reference,
            name: files.name,
            family: family.name.to_owned(),
            architecture: decoder.config().architecture.clone(),
            path: files.path,
            parameters: assembled.parameters,
            bytes: 4 * assembled.parameters,
            file_bytes,
            dtype: assembled.stored.to_owned(),
            device: device_name(&options.device),
            tokenizer_digest: tokenizer.digest().to_owned(),
            parity: None,
            parity_reference: None,
            notes,
            weights_digest,
        };
        if let Some(source) = files.parity.filter(|_| options.measure_parity) {
            let config = decoder.config();
            let measured = parity_badge::read(&source, config.vocab, config.max_positions)
                .and_then(|reference| {
                    Ok((
                        parity_badge::measure(&decoder, &reference)?,
                        reference.reference,
                    ))
                });
            match measured {
                Ok((worst, reference)) => {
                    if worst > BEYOND_ROUNDING {
                        card.notes.push(format!(
                            "The logits differ by up to {worst} from those that {reference} computed: either parity.json was made for other weights, or the network is computed wrongly here."
                        ));
                    }
                    card.parity = Some(worst);
                    card.parity_reference = Some(reference);
                }
                // The model itself is sound; only its badge is not.
                Err(error) => card.notes.push(error.to_string()),
            }
        }
        Ok(Self {
            decoder,
            tokenizer,
            card,
        })
    }
}
