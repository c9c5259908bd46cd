//! The device of this engine, which is fixed at compile time.

use burn::tensor::Device;
use futures_channel::oneshot::Receiver;
use js_sys::Error;

use crate::slice::sentence;

/// A device and its name.
pub struct NamedDevice {
    pub device: Device,
    pub name: String,
    /// A GPU emulated on the CPU, which is slower than the CPU engine.
    pub software: bool,
    /// Facts about the GPU adapter.
    pub adapter: Option<Adapter>,
    /// Resolves with the reason when a GPU is lost; taken by the first listener.
    pub lost: Option<Receiver<String>>,
}

/// A GPU adapter and its limits in bytes.
pub struct Adapter {
    pub name: String,
    pub vendor: u32,
    pub driver: String,
    pub backend: String,
    pub kind: String,
    pub max_buffer_bytes: u64,
    pub max_binding_bytes: u64,
    pub max_workgroup_bytes: u32,
}

/// The name of JavaScript errors after which the worker replaces its engine.
const DEVICE_ERROR: &str = "DeviceError";

/// An error of a computation. A device that did not give a result back fails from then on.
pub fn failure(error: coin_core::Error) -> Error {
    let failure = sentence(&error);
    if matches!(error, coin_core::Error::Device(_)) {
        failure.set_name(DEVICE_ERROR);
    }
    failure
}

#[cfg(not(feature = "webgpu"))]
pub async fn open() -> Result<NamedDevice, Error> {
    Ok(NamedDevice { device: Device::flex(), name: "CPU".into(), software: false, adapter: None, lost: None })
}

#[cfg(feature = "webgpu")]
pub async fn open() -> Result<NamedDevice, Error> {
    use burn_wgpu::wgpu::DeviceType;

    let (device, setup) = Device::wgpu_options()
        .init_with_setup_async()
        .await
        .map_err(|reason| Error::new(&format!("WebGPU is not available here: {reason}")))?;
    let (info, limits) = (setup.adapter.get_info(), setup.device.limits());
    let software = info.device_type == DeviceType::Cpu || info.name.to_lowercase().contains("swiftshader");
    let name = if info.name.is_empty() { "WebGPU".into() } else { info.name.clone() };
    let adapter = Adapter {
        name: info.name,
        vendor: info.vendor,
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        backend: info.backend.to_string(),
        kind: format!("{:?}", info.device_type),
        max_buffer_bytes: limits.max_buffer_size,
        max_binding_bytes: limits.max_storage_buffer_binding_size,
        max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
    };
    let (tell, lost) = futures_channel::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    setup.device.set_device_lost_callback(move |_, message| {
        let tell = tell.lock().ok().and_then(|mut tell| tell.take());
        // Without an engine there is no listener.
        let _ = tell.map(|tell| tell.send(message));
    });
    Ok(NamedDevice { device, name, software, adapter: Some(adapter), lost: Some(lost) })
}
