//! A model folder: weights and configuration of any bytes are refused or understood.
#![no_main]

use geophrase_fuzz::in_folder;
use libfuzzer_sys::fuzz_target;
use model::config::ModelConfig;
use model::weights::TensorFile;

fuzz_target!(|data: &[u8]| {
    let [kind, data @ ..] = data else { return };
    match kind % 3 {
        0 => {
            let _ = TensorFile::from_bytes(data);
        }
        1 => {
            // The length of the header put right, and some bytes of tensors behind it.
            let mut bytes = (data.len() as u64).to_le_bytes().to_vec();
            bytes.extend_from_slice(data);
            bytes.extend_from_slice(&[0x3c; 64]);
            let _ = TensorFile::from_bytes(&bytes);
        }
        _ => in_folder(|folder| {
            let path = folder.join("config.json");
            std::fs::write(&path, data).expect("room for a small file");
            let _ = ModelConfig::read(&path);
        }),
    }
});
