/** The one place where encoders are kept. */
export const modelCacheName = 'bedside-models';
