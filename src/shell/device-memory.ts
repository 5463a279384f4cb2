/** How much memory a page may count on. */

/** Where a browser does not say how much the device has: 4 GB, which nearly all have. */
const assumedDeviceGigabytes = 4;
/** The browser, its other tabs and the system have the rest. */
const usableShare = 0.5;

/** Bytes that a page may count on. `deviceMemory` is Chromium's and is rounded down; other browsers do not say. */
export function availableBytes(deviceGigabytes: number | undefined): number {
  return usableShare * (deviceGigabytes ?? assumedDeviceGigabytes) * 2 ** 30;
}

/** Most of the browsers' typings lack it. */
export function deviceGigabytes(device: object): number | undefined {
  return 'deviceMemory' in device && typeof device.deviceMemory === 'number' ? device.deviceMemory : undefined;
}
