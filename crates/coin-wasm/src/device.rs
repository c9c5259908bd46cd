//! The device of this engine: which one is decided when it is built.

use burn::tensor::Device;
use futures_channel::oneshot::Receiver;
use js_sys::Error;

/// A device and what to call it.
pub struct NamedDevice {
    pub device: Device,
    pub name: String,
    /// A GPU that is computed by the processor, slower than the processor's own engine.
    pub software: bool,
    /// Hears why the device was lost, which happens to GPUs alone; taken by whoever listens.
    pub lost: Option<Receiver<String>>,
}

#[cfg(not(feature = "webgpu"))]
pub async fn open() -> Result<NamedDevice, Error> {
    Ok(NamedDevice { device: Device::flex(), name: "CPU".into(), software: false, lost: None })
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
    let (tell, lost) = futures_channel::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    setup.device.set_device_lost_callback(move |_, message| {
        let tell = tell.lock().ok().and_then(|mut tell| tell.take());
        // Nobody listens when the engine is gone itself.
        let _ = tell.map(|tell| tell.send(message));
    });
    Ok(NamedDevice { device, name, software, lost: Some(lost) })
}
