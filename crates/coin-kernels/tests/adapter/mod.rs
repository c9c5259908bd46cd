//! The GPU adapter of the tests, which may be a software one.

#![allow(clippy::print_stderr)]

use std::sync::LazyLock;

use burn::tensor::Device;

/// The adapter, which a process can request only once. Without one, prints a message and returns `None`, unless
/// `COIN_ADAPTER` is `required`.
pub fn adapter() -> Option<Device> {
    static ADAPTER: LazyLock<Option<Device>> = LazyLock::new(|| {
        let found = Device::wgpu_options().init_with_setup();
        if let Err(error) = &found {
            let required = std::env::var_os("COIN_ADAPTER").is_some_and(|value| value == "required");
            assert!(!required, "no graphics adapter: {error}");
            eprintln!("SKIPPED: no graphics adapter (Debian's software one is in mesa-vulkan-drivers)");
        }
        found.ok().map(|(device, _)| device)
    });
    ADAPTER.clone()
}
