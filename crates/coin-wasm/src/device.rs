//! The device of this engine: which one is decided when it is built.

use burn::tensor::Device;
use js_sys::Error;

/// A device and what to call it.
pub struct NamedDevice {
    pub device: Device,
    pub name: String,
    /// A graphics card that is computed by the processor, slower than the processor's own engine.
    pub software: bool,
}

#[cfg(not(feature = "webgpu"))]
pub async fn open() -> Result<NamedDevice, Error> {
    Ok(NamedDevice { device: Device::flex(), name: "CPU".into(), software: false })
}

#[cfg(feature = "webgpu")]
pub async fn open() -> Result<NamedDevice, Error> {
    use burn::tensor::wgpu::wgpu::DeviceType;

    let (device, setup) = Device::wgpu_options()
        .init_with_setup_async()
        .await
        .map_err(|reason| Error::new(&format!("WebGPU is not available here: {reason}")))?;
    let adapter = setup.adapter.get_info();
    let software = adapter.device_type == DeviceType::Cpu || adapter.name.to_lowercase().contains("swiftshader");
    let name = if adapter.name.is_empty() { "WebGPU".into() } else { adapter.name };
    Ok(NamedDevice { device, name, software })
}
