/** The Renyi orders that the reference libraries minimise over. */
const range = (count: number, value: (index: number) => number) => Array.from({ length: count }, (_, index) => value(index));
const brokenOrders = range(99, (index) => (index + 11) / 10);

/** RDPAccountant.DEFAULT_ALPHAS of Opacus 1.5.4. */
export const opacusOrders: readonly number[] = [...brokenOrders, ...range(52, (index) => index + 12)];

/** Default orders of dp_accounting 0.6.0. */
export const dpAccountingOrders: readonly number[] = [...brokenOrders, ...range(53, (index) => index + 11), 128, 256, 512, 1024];
