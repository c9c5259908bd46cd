const TIMESTAMP_QUERY = "timestamp-query";

/**
 * Makes adapters without `timestamp-query` usable: they report the feature, and devices are requested without it. The runtime of
 * Burn 0.22 panics without the feature, although the engine does not use it.
 */
export function emulateTimestampQuery() {
  if (typeof GPU === "undefined") return;
  const { requestAdapter } = GPU.prototype;
  GPU.prototype.requestAdapter = async function (options) {
    const adapter = await requestAdapter.call(this, options);
    if (!adapter || adapter.features.has(TIMESTAMP_QUERY)) return adapter;
    const requestDevice = adapter.requestDevice.bind(adapter);
    Object.defineProperties(adapter, {
      features: { value: new Set([...adapter.features, TIMESTAMP_QUERY]) },
      requestDevice: {
        value: (/** @type {GPUDeviceDescriptor} */ descriptor = {}) =>
          requestDevice({ ...descriptor, requiredFeatures: [...(descriptor.requiredFeatures ?? [])].filter((feature) => feature !== TIMESTAMP_QUERY) }),
      },
    });
    return adapter;
  };
}
