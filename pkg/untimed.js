const TIMING = "timestamp-query";

/**
 * Lets adapters that cannot time programs pass for ones that can: the runtime of Burn 0.22 ends without `timestamp-query`,
 * though nothing here is timed. Devices are asked for without it.
 */
export function allowUntimed() {
  if (typeof GPU === "undefined") return;
  const { requestAdapter } = GPU.prototype;
  GPU.prototype.requestAdapter = async function (options) {
    const adapter = await requestAdapter.call(this, options);
    if (!adapter || adapter.features.has(TIMING)) return adapter;
    const requestDevice = adapter.requestDevice.bind(adapter);
    Object.defineProperties(adapter, {
      features: { value: new Set([...adapter.features, TIMING]) },
      requestDevice: {
        value: (/** @type {GPUDeviceDescriptor} */ wishes = {}) =>
          requestDevice({ ...wishes, requiredFeatures: [...(wishes.requiredFeatures ?? [])].filter((feature) => feature !== TIMING) }),
      },
    });
    return adapter;
  };
}
